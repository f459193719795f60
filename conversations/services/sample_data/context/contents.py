"""What was read for turns, and which link of a conversation led to it: now and then to what another one has read."""

from conversations.models import Content, Reading
from conversations.services.sample_data import proportions
from conversations.services.sample_data.runs import NewRun
from conversations.services.sample_data.threads import Thread
from conversations.services.sample_data.wave import Wave
from conversations.values.context.contents import DIGEST_BYTES, link_key

# Those that a later turn of the account may read again.
KNOWN_CONTENTS = 20
URL = "https://files.invalid/{}"


def add(wave: Wave, thread: Thread, run: NewRun) -> None:
    random, known = wave.source.context_random, thread.owner.contents
    if known and random.random() < proportions.SHARED_CONTENT_SHARE:
        pk = random.choice(known)
    else:
        pk = _new(wave, run)
        thread.owner.contents = [*known[1 - KNOWN_CONTENTS :], pk]
    reading = {
        "account_id": run.account_id,
        "conversation_id": run.conversation_id,
        "key": link_key(URL.format(run.public_id)),
        "content_id": pk,
        "run_key": run.pk,
    }
    wave.rows[Reading].append(reading)


def _new(wave: Wave, run: NewRun) -> int:
    random, pk = wave.source.context_random, next(wave.source.ids[Content])
    text = "\n\n".join(random.choice(wave.source.texts.answers).text for _ in range(random.randint(1, 6)))
    content = {
        "id": pk,
        "account_id": run.account_id,
        "digest": random.randbytes(DIGEST_BYTES),
        "media_type": "text/html",
        "title": text[:40],
        "text": text,
        "page_starts": "[]",
        "size": len(text.encode()),
        "weight": len(text),
        "created_at": run.times.claimed_at,
        "used_at": run.times.claimed_at,
    }
    wave.rows[Content].append(content)
    return pk
