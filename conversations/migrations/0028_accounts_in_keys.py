"""Every attempt has an account, keys carry their account, and what that makes superfluous is dropped.

The processes of the last release must have stopped: they write attempts without an account. Each statement takes its
locks for an instant, except the two VALIDATEs, which keep nobody waiting. Each can be repeated.
"""

import django.db.models.deletion
from django.db import migrations, models

import conversations.ids

# Those that processes of the last release have written since 0027.
FILL = """
UPDATE conversations_{table} a SET account_id = o.account_id FROM conversations_{owner} o
WHERE o.id = a.{link} AND a.account_id IS NULL
"""

# table, name, the old key's columns, the new key's, condition, whether it is a constraint: an index with an operator
# class, or of some rows, cannot be one. Old and new ones exist side by side until the new one takes the name.
REPLACED = (
    ("runattempt", "run_attempt_is_written_once", "run_id, number", "run_id, number, account_id", "", True),
    ("deliveryattempt", "delivery_attempt_is_written_once", "delivery_id, number", "delivery_id, number, account_id",
     "", True),
    ("reference", "reference_has_one_place_in_its_run", "run_id, position", "run_id, position, account_id", "", True),
    ("event", "event_has_its_own_number_in_its_conversation", "conversation_id, sequence",
     "conversation_id, sequence, account_id", " WHERE conversation_id IS NOT NULL", False),
    ("signingsecret", "endpoint_has_one_current_secret", "endpoint_id", "endpoint_id, account_id",
     " WHERE endpoint_id IS NOT NULL AND expires_at IS NULL", False),
)
# table, digest in the name of the index that Django adds to a unique text column
UNIQUE_IDS = (
    ("run", "d148aa28"),
    ("message", "96a2cd13"),
    ("event", "0b45ce4c"),
    ("delivery", "bad33ba9"),
    ("webhookendpoint", "00cd5990"),
)
# index, on what
DROPPED = (
    ("conversation_by_public_id", "conversations_conversation (public_id varchar_pattern_ops)"),
    ("conversations_conversation_account_id_140c2573", "conversations_conversation (account_id)"),
    ("conversations_conversation_preset_id_b0bfecb9", "conversations_conversation (preset_id)"),
    ("conversations_preset_account_id_c3240e08", "conversations_preset (account_id)"),
)


def _alter(table: str, *steps: str, reverse: tuple[str, ...]) -> migrations.RunSQL:
    alter = f"ALTER TABLE conversations_{table} "
    return migrations.RunSQL([alter + step for step in steps], [alter + step for step in reverse])


def _require(table: str, *, link: str, owner: str) -> list[migrations.RunSQL]:
    """SET NOT NULL reads no row when a valid check says the same."""
    check = f"{table}_has_an_account"
    return [
        migrations.RunSQL(FILL.format(table=table, link=link, owner=owner), migrations.RunSQL.noop),
        _alter(
            table,
            f"DROP CONSTRAINT IF EXISTS {check}",
            f"ADD CONSTRAINT {check} CHECK (account_id IS NOT NULL) NOT VALID",
            f"VALIDATE CONSTRAINT {check}",
            "ALTER COLUMN account_id SET NOT NULL",
            f"DROP CONSTRAINT {check}",
            reverse=("ALTER COLUMN account_id DROP NOT NULL",),
        ),
    ]


def _link(table: str, name: str, old: str, *, link: str, owner: str) -> migrations.RunSQL:
    """A composite key in the place of the single one, as in migration 0002."""
    return _alter(
        table,
        f"DROP CONSTRAINT IF EXISTS {name}",
        f"ADD CONSTRAINT {name} FOREIGN KEY (account_id, {link}) REFERENCES conversations_{owner} (account_id, id) "
        "DEFERRABLE INITIALLY DEFERRED NOT VALID",
        f"VALIDATE CONSTRAINT {name}",
        f"DROP CONSTRAINT IF EXISTS {old}",
        reverse=(
            f"ADD CONSTRAINT {old} FOREIGN KEY ({link}) REFERENCES conversations_{owner} (id) "
            "DEFERRABLE INITIALLY DEFERRED",
            f"DROP CONSTRAINT {name}",
        ),
    )


def _once(index: str, *steps: str) -> str:
    """One statement with all the steps, or with none when the index is not there: then they have been done."""
    return f"DO $$ BEGIN IF to_regclass('{index}') IS NOT NULL THEN {'; '.join(steps)}; END IF; END $$"


def _replace(
    table: str, name: str, old: str, new: str, condition: str, is_constraint: bool
) -> migrations.RunSQL:
    alter, on = f"ALTER TABLE conversations_{table}", f"ON conversations_{table}"
    drop = f"{alter} DROP CONSTRAINT IF EXISTS {name}" if is_constraint else f"DROP INDEX IF EXISTS {name}"
    take = f"ALTER INDEX new_{name} RENAME TO {name}"
    if is_constraint:
        take = f"{alter} ADD CONSTRAINT {name} UNIQUE USING INDEX new_{name}"
    back = f"{alter} ADD CONSTRAINT {name} UNIQUE ({old})"
    if not is_constraint:
        back = f"CREATE UNIQUE INDEX {name} {on} ({old}){condition}"
    return migrations.RunSQL(
        [_once(f"new_{name}", drop, take)],
        [drop, f"CREATE UNIQUE INDEX new_{name} {on} ({new}){condition}", back],
    )


def _replace_conversation_id() -> migrations.RunSQL:
    """The old one is a constraint, the new one is not, because of its operator class."""
    table, name = "conversations_conversation", "conversation_id_is_unique_in_its_account"
    return migrations.RunSQL(
        [
            _once(
                f"new_{name}",
                f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}",
                f"ALTER INDEX new_{name} RENAME TO {name}",
            )
        ],
        [
            f"ALTER INDEX {name} RENAME TO new_{name}",
            f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE (account_id, public_id)",
        ],
    )


def _drop_unique(table: str, digest: str) -> migrations.RunSQL:
    name = f"conversations_{table}_public_id"
    return migrations.RunSQL(
        [
            f"ALTER TABLE conversations_{table} DROP CONSTRAINT IF EXISTS {name}_key",
            f"DROP INDEX CONCURRENTLY IF EXISTS {name}_{digest}_like",
        ],
        [
            f"ALTER TABLE conversations_{table} ADD CONSTRAINT {name}_key UNIQUE (public_id)",
            f"CREATE INDEX {name}_{digest}_like ON conversations_{table} (public_id varchar_pattern_ops)",
        ],
    )


def _drop(name: str, on: str) -> migrations.RunSQL:
    return migrations.RunSQL([f"DROP INDEX CONCURRENTLY IF EXISTS {name}"], [f"CREATE INDEX {name} ON {on}"])


DATABASE = [
    *_require("runattempt", link="run_id", owner="run"),
    *_require("deliveryattempt", link="delivery_id", owner="delivery"),
    _link("runattempt", "run_attempt_belongs_to_its_runs_account", "conversations_runatt_run_id_fb2729e6_fk_conversat",
          link="run_id", owner="run"),
    _link("deliveryattempt", "delivery_attempt_belongs_to_its_deliverys_account",
          "conversations_delive_delivery_id_66536f14_fk_conversat", link="delivery_id", owner="delivery"),
    *(_replace(*replaced) for replaced in REPLACED),
    _replace_conversation_id(),
    *(_drop_unique(*unique) for unique in UNIQUE_IDS),
    *(_drop(*dropped) for dropped in DROPPED),
]


def _key(model: str, name: str, fields: tuple[str, ...], **more: object) -> list[object]:
    return [
        migrations.RemoveConstraint(model, name),
        migrations.AddConstraint(model, models.UniqueConstraint(fields=fields, name=name, **more)),
    ]


def _foreign_key(to: str, on_delete: object, **more: object) -> models.ForeignKey:
    return models.ForeignKey(db_index=False, on_delete=on_delete, to=f"conversations.{to}", **more)


def _public_id(model: str, default: object) -> migrations.AlterField:
    return migrations.AlterField(
        model, "public_id", models.CharField(default=default, editable=False, max_length=40)
    )


CASCADE, PROTECT = django.db.models.deletion.CASCADE, django.db.models.deletion.PROTECT
SET_NULL = django.db.models.deletion.SET_NULL
ATTEMPT = {"db_constraint": False, "related_name": "attempts"}
STATE = [
    *_key("runattempt", "run_attempt_is_written_once", ("run", "number", "account")),
    *_key("deliveryattempt", "delivery_attempt_is_written_once", ("delivery", "number", "account")),
    *_key("reference", "reference_has_one_place_in_its_run", ("run", "position", "account")),
    *_key("event", "event_has_its_own_number_in_its_conversation", ("conversation", "sequence", "account"),
          condition=models.Q(("conversation__isnull", False))),
    *_key("signingsecret", "endpoint_has_one_current_secret", ("endpoint", "account"),
          condition=models.Q(("endpoint__isnull", False), ("expires_at", None))),
    *_key("conversation", "conversation_id_is_unique_in_its_account", ("public_id", "account"),
          opclasses=["varchar_pattern_ops", "int8_ops"]),
    migrations.AlterField("runattempt", "account", _foreign_key("account", PROTECT, db_constraint=False, related_name="+")),
    migrations.AlterField(
        "deliveryattempt", "account", _foreign_key("account", PROTECT, db_constraint=False, related_name="+")
    ),
    migrations.AlterField("runattempt", "run", _foreign_key("run", CASCADE, **ATTEMPT)),
    migrations.AlterField("deliveryattempt", "delivery", _foreign_key("delivery", CASCADE, **ATTEMPT)),
    migrations.AlterField("conversation", "account", _foreign_key("account", PROTECT, related_name="conversations")),
    migrations.AlterField("conversation", "preset", _foreign_key("preset", SET_NULL, null=True, related_name="+")),
    migrations.AlterField("preset", "account", _foreign_key("account", CASCADE, related_name="presets")),
    _public_id("run", conversations.ids.new_run_id),
    _public_id("message", conversations.ids.new_message_id),
    _public_id("event", conversations.ids.new_event_id),
    _public_id("delivery", conversations.ids.new_delivery_id),
    _public_id("webhookendpoint", conversations.ids.new_endpoint_id),
    migrations.RemoveIndex("conversation", "conversation_by_public_id"),
]


class Migration(migrations.Migration):
    needs_stop = "the release before writes attempts without their account"
    atomic = False
    dependencies = [("conversations", "0027_fill_and_index")]
    operations = [migrations.SeparateDatabaseAndState(database_operations=DATABASE, state_operations=STATE)]
