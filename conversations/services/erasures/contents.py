"""What was read for turns: what a conversation has read, and then what no other conversation of its account has."""

from conversations.models import Content, Erasure, Reading
from conversations.services.erasures.batch import Batch, following, next_keys
from conversations.services.knowledge import contents

# A content may be megabytes.
CONTENTS = 100


def erase_of_conversation(erasure: Erasure) -> Batch:
    readings = Reading.objects.for_account(erasure.account_id).filter(conversation=erasure.subject_key)
    found = next_keys(readings, erasure, most=CONTENTS)
    columns = Reading.objects.filter(pk__in=found).order_by("-pk").values_list("pk", "content__weight", "content")
    weighed = list(columns)
    keys = contents.up_to_weight([(pk, weight) for pk, weight, _ in weighed])
    erased = {"reading": Reading.objects.filter(pk__in=keys).delete()[0]}
    erased["content"] = contents.delete_unread([content for _, _, content in weighed[: len(keys)]])
    return Batch(cursor=following(found, most=CONTENTS) if len(keys) == len(weighed) else keys[-1], erased=erased)


def delete_of_account(erasure: Erasure) -> Batch:
    """With the readings that point at them: each reading has a content. Nobody else deletes these any more."""
    keys = next_keys(Content.objects.for_account(erasure.account_id), erasure, most=CONTENTS)
    readings, gone = contents.delete_some(keys)
    # The same ones once more while any is left.
    cursor = following(keys, most=CONTENTS) if gone == len(keys) else keys[0] + 1
    return Batch(cursor=cursor, erased={"reading": readings, "content": gone})
