"""Every setting, with its type, default and unit. The README's table is made from it (`manage.py list_settings`)."""

import os
from collections.abc import Mapping
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from conversations.rules import api_keys
from project.environment import checks
from project.environment.setting import Setting
from project.environment.upstreams import UPSTREAMS
from project.environment.web import WEB


def _quota(name: str, default: int, help_text: str, unit: str = "") -> Setting:
    """A quota for every account. The admin can set another one for a single account."""
    return Setting(name, int, default, help_text, unit, 0, 1_000_000_000_000 if unit else 1_000_000_000)


def _keep(name: str, default: int, help_text: str) -> Setting:
    """How long rows of a kind are kept (conversations/services/retention)."""
    return Setting(name, int, default, f"{help_text}; 0 for ever", "days", 0, 36_500)


SETTINGS: tuple[Setting, ...] = (
    Setting("HOST", str, "127.0.0.1", "Address the web server listens on"),
    Setting("PORT", int, 8000, "Port the web server listens on", minimum=1, maximum=65535),
    Setting("DATA_DIR", str, "./var", "Where the embedded PostgreSQL and Valkey and the made secret key live"),
    Setting("DATABASE_URL", str, "", "PostgreSQL to use instead of the embedded one", check=checks.database_url),
    Setting(
        "DATABASE_CONNECTIONS",
        int,
        0,
        "Database connections that all processes of this host may open together; 0 asks the server. To be set where "
        "several hosts, other programs or a pooler share it",
        minimum=0,
        maximum=100_000,
    ),
    Setting("REDIS_URL", str, "", "Redis or Valkey to use instead of the embedded one", check=checks.redis_url),
    # Celery itself reads BROKER_URL and CELERY_BROKER_URL, and they may be meant for another program.
    Setting(
        "PARLEY_BROKER_URL",
        str,
        "",
        "Broker that wakes the workers, when not the Redis of REDIS_URL: another Redis, or RabbitMQ (amqp://)",
        check=checks.broker_url,
    ),
    Setting(
        "VALKEY_MAX_MEMORY",
        int,
        1_000_000_000,
        "Memory of the embedded Valkey; beyond it the logs of ended runs make room",
        "bytes",
        10_000_000,
        1_000_000_000_000,
    ),
    Setting("SECRET_KEY", str, "", "Django's secret; made and kept in DATA_DIR when absent", check=checks.secret),
    Setting("SECRET_KEY_FALLBACKS", list, [], "Earlier secrets, comma-separated: what they encrypted stays readable"),
    *WEB,
    Setting("PARLEY_API_KEY", str, "", "The first account's key, instead of a random one", check=api_keys.problem),
    Setting(
        "PARLEY_ADMIN_PASSWORD",
        str,
        "",
        "Password of the admin user `admin`, instead of a random one",
        check=checks.password,
    ),
    *UPSTREAMS,
    Setting(
        "SSL_CERT_FILE",
        str,
        "",
        "Certificates (PEM) to trust instead of the public authorities' when vendors are called: a company's own",
        check=checks.cert_file,
    ),
    Setting(
        "SSL_CERT_DIR", str, "", "The same as a directory that `openssl rehash` has prepared", check=checks.cert_dir
    ),
    Setting(
        "ROLES",
        list,
        list(checks.ROLES),
        "What this `serve` runs; the others run elsewhere, with the same DATABASE_URL, REDIS_URL and SECRET_KEY",
        check=checks.roles,
    ),
    Setting("WEB_PROCESSES", int, 1, "Web server processes", minimum=1, maximum=64),
    Setting("WORKER_PROCESSES", int, os.cpu_count() or 1, "Worker processes for runs", minimum=1, maximum=64),
    Setting("WORKER_THREADS", int, 64, "Runs a worker process handles at once", minimum=1, maximum=1000),
    Setting("UPSTREAM_CONNECT_TIMEOUT", float, 5.0, "Time to connect to a vendor", "s", 0.01, 600),
    Setting("UPSTREAM_READ_TIMEOUT", float, 120.0, "Longest silence between two bytes of a vendor", "s", 0.01, 3600),
    Setting("DATABASE_TIMEOUT", float, 5.0, "Longest time a request waits for the database", "s", 0.1, 600),
    Setting("RUN_DEADLINE", float, 600.0, "Longest time a run may take, from its claim", "s", 0.1, 86400),
    Setting(
        "USAGE_DRAIN_SECONDS",
        float,
        0.5,
        "Longest time the vendor of a stopped answer is still read, for its count of tokens, where an account pays",
        "s",
        0,
        60,
    ),
    Setting(
        "USAGE_DRAINS",
        int,
        8,
        "Stopped answers that a worker process reads to their end at once; others are estimated",
        minimum=0,
        maximum=1000,
    ),
    Setting("TOOL_STEPS", int, 8, "Answers of a run's model that may call the account's tools", minimum=1, maximum=32),
    Setting("QUEUE_WAIT", float, 300.0, "Longest time a run may wait before a worker claims it", "s", 0.1, 86400),
    Setting(
        "REFUSE_AFTER_WAIT",
        float,
        60.0,
        "An account whose oldest question has waited this long for a worker alone is refused further ones",
        "s",
        0.1,
        86400,
    ),
    Setting(
        "MAX_QUEUED_RUNS", int, 10_000, "Questions of an account that may wait at once", minimum=1, maximum=1_000_000
    ),
    Setting("RUN_MAX_ATTEMPTS", int, 3, "Attempts a run gets when workers die", minimum=1, maximum=10),
    Setting("RUN_LOG_SECONDS", int, 3600, "How long a run's event log stays in Redis", "s", 60, 604800),
    Setting("DRAIN_SECONDS", float, 3.0, "Time a stopping worker gives its running answers", "s", 0, 3600),
    Setting("DELIVERY_KEEP_DAYS", int, 30, "How long the bodies of events and callbacks are kept", "days", 1, 3650),
    _keep("KEEP_EVENTS_DAYS", 90, "How long events can be listed, at least as long as their deliveries"),
    _keep("KEEP_DELIVERIES_DAYS", 90, "How long deliveries, their attempts and deleted endpoints are kept"),
    _keep("KEEP_TASKS_DAYS", 90, "How long tasks of stored turns can be polled; those of others for a day"),
    _keep("KEEP_IDEMPOTENCY_KEYS_DAYS", 1, "How long a request repeated under its idempotency key is recognised"),
    _keep("KEEP_UNSTORED_RUNS_DAYS", 90, "How long it is recorded that a turn which is not stored took place"),
    _keep("KEEP_ATTEMPTS_DAYS", 365, "How long the attempts of runs are kept, also of stored ones"),
    _keep("KEEP_TOOL_CALLS_DAYS", 90, "How long it is kept which tools the models of runs called, and what they said"),
    Setting("APPROVAL_DAYS", float, 7.0, "How long a run waits for a tool call to be approved", "days", 0.0001, 365),
    _keep("KEEP_CONTENTS_DAYS", 30, "How long what was read for turns is kept after its last use"),
    _keep("KEEP_WORKERS_DAYS", 30, "How long the rows of ended worker processes are kept"),
    _keep("KEEP_SESSIONS_DAYS", 1, "How long the admin's sessions are kept when they are over"),
    Setting(
        "MAX_PENDING_DELIVERIES",
        int,
        100_000,
        "Pending deliveries an account may have; more are recorded as failed, unsent; 0 for any number",
        minimum=0,
        maximum=100_000_000,
    ),
    Setting("MAX_BODY_BYTES", int, 20_000_000, "Largest request body", "bytes", 1_000, 1_000_000_000),
    Setting("MAX_MESSAGES", int, 10_000, "Messages a request to `/v1` may bring", minimum=1, maximum=100_000),
    Setting(
        "MAX_CONNECTIONS",
        int,
        8_000,
        "Connections a web process keeps at once; fewer where the limit of open files is below about twice as many",
        minimum=10,
        maximum=1_000_000,
    ),
    Setting(
        "MAX_BODIES_BYTES",
        int,
        256_000_000,
        "Request bodies that a web process holds at once, a quarter of it for one account",
        "bytes",
        1_000_000,
        100_000_000_000,
    ),
    Setting(
        "MAX_ANSWER_BYTES",
        int,
        16_000_000,
        "Largest answer of a run, all its choices together; a longer one ends there, incomplete",
        "bytes",
        1_000,
        100_000_000,
    ),
    Setting(
        "MAX_STREAMS_PER_KEY",
        int,
        1_000,
        "Answers a key may wait for at once, streamed or not, in each web process",
        minimum=1,
        maximum=100_000,
    ),
    Setting(
        "REQUESTS_PER_MINUTE",
        int,
        3600,
        "Questions a key may ask in a minute, at once or spread over it; 0 for any number",
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "TOKENS_PER_MINUTE",
        int,
        0,
        "Tokens of questions and answers a key may use in a minute; 0 for any number",
        minimum=0,
        maximum=10_000_000,
    ),
    Setting(
        "CONCURRENT_RUNS",
        int,
        20,
        "Questions of a key that may wait or be in progress at once, tasks aside; 0 for any number",
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "OTHER_REQUESTS_PER_MINUTE",
        int,
        6000,
        "Other requests a key may make in a minute, such as polls and lists; a replay or a new endpoint counts as 50",
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "CLIENT_TOKEN_REQUESTS_PER_MINUTE",
        int,
        20,
        "Questions a visitor may ask in a minute with client tokens that say nothing of it; never more than a key may",
        minimum=1,
        maximum=1_000_000,
    ),
    Setting(
        "BYTES_PER_MINUTE",
        int,
        200_000_000,
        "Bytes of request bodies a key may send in a minute; 0 for any number",
        "bytes",
        0,
        60_000_000_000,
    ),
    _quota("CONVERSATIONS_PER_ACCOUNT", 1_000_000, "Conversations an account may have, deleted ones not counted"),
    _quota("API_KEYS_PER_ACCOUNT", 1_000, "Keys that work an account may have"),
    _quota("PRESETS_PER_ACCOUNT", 10_000, "Versions of presets an account may have, all of them together"),
    _quota("WEBHOOK_ENDPOINTS_PER_ACCOUNT", 16, "Webhook endpoints an account may have"),
    _quota("TOOLS_PER_ACCOUNT", 128, "HTTP tools an account may have"),
    _quota("MCP_SERVERS_PER_ACCOUNT", 16, "MCP servers an account may have as sources of tools"),
    _quota("ASSISTANTS_PER_ACCOUNT", 200, "Assistants an account may have"),
    _quota("INTENTS_PER_ACCOUNT", 500, "Intents an account may have"),
    _quota("VISITORS_PER_ACCOUNT", 1_000_000, "Visitors an account may have"),
    Setting("DEFAULT_MODEL", str, "echo", "Model of assistants that name none"),
    Setting(
        "INTENT_MODEL",
        str,
        "",
        "Model that finds out whether a question satisfies an intent; empty: the model that answers it",
    ),
    Setting(
        "DIALOGUE_IDLE_MINUTES",
        int,
        30,
        "After so long without a turn the dialogue of a visitor counts as finished",
        "minutes",
        1,
        100_000,
    ),
    _quota("IDEMPOTENCY_KEYS_PER_ACCOUNT", 1_000_000, "Idempotency keys an account may have, of those that are kept"),
    _quota("KNOWLEDGE_BASES_PER_ACCOUNT", 100, "Knowledge bases an account may have"),
    _quota("KNOWLEDGE_DOCUMENTS_PER_ACCOUNT", 10_000, "Documents an account may have in all its knowledge bases"),
    _quota("KNOWLEDGE_BYTES_PER_ACCOUNT", 1_000_000_000, "Files, and texts of documents, an account may have", "bytes"),
    Setting("KNOWLEDGE_THREADS", int, 4, "Documents that the knowledge worker indexes at once", minimum=1, maximum=64),
    Setting(
        "CURRENCY",
        str,
        "USD",
        "Currency of all prices and amounts, by its three letters; the shipped prices are in USD",
        check=checks.currency,
    ),
    Setting("METERED", bool, False, "Whether new accounts are metered: they begin with a balance of nothing"),
    Setting(
        "PRICES_FILE",
        str,
        "",
        "File (TOML) with prices of your own, for all accounts; read at every start and by `update_prices`",
    ),
    Setting(
        "OUTBOUND_ALLOW",
        list,
        [],
        "Address ranges (CIDR, comma-separated) that customers' URLs may lead to although they are not public",
        check=checks.ranges,
    ),
    Setting("LOG_LEVEL", str, "INFO", "DEBUG, INFO, WARNING or ERROR", check=checks.level),
)


def read(environment: Mapping[str, str]) -> dict[str, Any]:
    """All settings by name. Raises ImproperlyConfigured, which names every wrong setting with a hint."""
    reader = environ.Env()
    reader.ENVIRON = environment
    values: dict[str, Any] = {}
    problems: list[str] = []
    for setting in SETTINGS:
        try:
            values[setting.name] = _read_one(reader, setting, environment)
        except ValueError as exc:
            problems.append(f"{setting.name}: {exc}")
    if problems:
        raise ImproperlyConfigured("; ".join(problems))
    return values


def _read_one(reader: environ.Env, setting: Setting, environment: Mapping[str, str]) -> Any:
    raw = environment.get(setting.name, "").strip()
    if not raw:
        return setting.default
    if setting.kind is bool:
        return _flag(raw)
    if setting.kind in (int, float):
        return _number(setting, raw)
    if setting.check and (problem := setting.check(raw)):
        raise ValueError(problem)
    if setting.kind is list:
        return [text for part in reader.list(setting.name) if (text := part.strip())]
    return raw


def _flag(raw: str) -> bool:
    if raw.lower() not in ("true", "false"):
        raise ValueError(f"{raw!r} must be true or false")
    return raw.lower() == "true"


def _number(setting: Setting, raw: str) -> float:
    try:
        number: float = setting.kind(raw)
    except ValueError:
        what = "a whole number" if setting.kind is int else "a number"
        raise ValueError(f"{raw!r} is not {what}; leave it out for {setting.default}") from None
    # Written as `not (…)`, because every comparison with "nan" is false.
    if not (setting.minimum is None or number >= setting.minimum):
        raise ValueError(f"{raw} is below the least allowed, {setting.minimum:g}")
    if not (setting.maximum is None or number <= setting.maximum):
        raise ValueError(f"{raw} is above the most allowed, {setting.maximum:g}")
    return number
