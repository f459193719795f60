"""Journey: the programs of docs/client-tokens.md, run as they stand there, make tokens that are taken."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.client_tokens.browsers import Browser, Customer

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "client-tokens.md").read_text(encoding="utf-8")


def program(language: str) -> str:
    """The first one of the language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def token(customer: Customer, *command: str) -> str:
    env = {"PATH": os.environ["PATH"], "PARLEY_ACCOUNT": customer.account, "PARLEY_VISITOR_SECRET": customer.secret}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()


def test_the_program_in_python(customer: Customer, helper: str) -> None:
    browser = Browser(customer.api.base_url, token(customer, sys.executable, "-c", program("python")))

    assert browser.yuju(ibotID=helper).json()["visitorId"] == "user-42"


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_the_program_in_javascript(customer: Customer, helper: str) -> None:
    browser = Browser(customer.api.base_url, token(customer, "node", "-e", program("javascript")))

    assert browser.yuju(ibotID=helper).json()["visitorId"] == "user-42"
