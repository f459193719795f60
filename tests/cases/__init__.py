"""Inputs that failed once, as data; each stands for its whole kind."""

import json
from base64 import b64decode
from pathlib import Path

from tests.fakes.replies import Json, Reply

# What vendors' and gateways' servers were seen to send, and what a caller must end up with.
VENDOR_SHAPES: list[Json] = json.loads(Path(__file__).with_name("vendor-shapes.json").read_text())


def reply(shape: Json) -> Reply:
    body, content_type = b64decode(shape["body_base64"]), shape["headers"]["content-type"]
    return Reply((body,), status=shape["status"], content_type=content_type)
