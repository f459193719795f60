"""Django's settings, made from `environment/table.py`. Nothing else in the project reads the environment."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from conversations.outbound import addresses
from conversations.search import registry as search_engines
from project.embedded import paths
from project.environment import checks, cross_origin, secret_key, table
from project.logging import logging_config
from project.postgresql import pool_sizes

ENV = table.read(os.environ)
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(ENV["DATA_DIR"]).resolve()

SECRET_KEY = ENV["SECRET_KEY"] or secret_key.read(DATA_DIR)
SECRET_KEY_FALLBACKS = ENV["SECRET_KEY_FALLBACKS"]
DEBUG = False
ALLOWED_HOSTS = ENV["ALLOWED_HOSTS"]
# Scheme and host, without a slash at the end. "": links use the Host of the request.
PUBLIC_URL: str = ENV["PUBLIC_URL"].rstrip("/")
IS_HTTPS = PUBLIC_URL.lower().startswith("https:")
TRUSTED_PROXIES: list[str] = ENV["TRUSTED_PROXIES"]

INSTALLED_APPS = [
    "unfold",
    # SimpleAdminConfig: project/urls.py loads the admin, so that workers do not spend memory on it.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    # The files of Swagger UI (views/schema/docs_page.py).
    "drf_spectacular_sidecar",
    "rest_framework",
    "conversations",
    "project",
]

# The API needs none of the browser's middleware, and each costs thread hops under ASGI: `ADMIN_MIDDLEWARE` runs
# for /admin alone (project/web/scoped_middleware.py).
MIDDLEWARE = ["project.web.scoped_middleware.AdminOnly"]
ADMIN_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "project.web.content_security_policy.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
SILENCED_SYSTEM_CHECKS = [
    # These checks look in MIDDLEWARE for what is in ADMIN_MIDDLEWARE.
    *("admin.E408", "admin.E409", "admin.E410", "security.W001", "security.W002", "security.W003"),
]

# Pages of other origins (ADR 79). Without any, no request passes through the middleware.
_ORIGINS: list[str] = ENV["CORS_ORIGINS"]
if _ORIGINS:
    MIDDLEWARE.insert(0, "corsheaders.middleware.CorsMiddleware")
CORS_ALLOW_ALL_ORIGINS = _ORIGINS == [checks.ANY_ORIGIN]
CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else _ORIGINS
# Keys and tokens are in headers or in the query. Cookies are the admin's, and stay out of reach.
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = "(?!/admin)"
CORS_ALLOW_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CORS_ALLOW_HEADERS = cross_origin.REQUEST_HEADERS
CORS_EXPOSE_HEADERS = cross_origin.RESPONSE_HEADERS
# As long as Chromium keeps an answer to a preflight at most.
CORS_PREFLIGHT_MAX_AGE = 7200

# How browsers treat the admin. Options that need https are set only when PUBLIC_URL says that browsers use it.
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
# Browsers accept a `__Host-` cookie only from this very host, and only over https.
_COOKIE_PREFIX = "__Host-" if IS_HTTPS else ""
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}parley-session"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}parley-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
# A session ends twelve hours after its last change, usually the login, or when the browser is closed.
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# Sent over https only, and without subdomains: other hosts of the domain may not use https.
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": checks.PASSWORD_MIN_CHARS},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASE_URL = ENV["DATABASE_URL"] or paths.database_url(DATA_DIR)
REDIS_URL: str = ENV["REDIS_URL"] or paths.redis_url(DATA_DIR)
BROKER_URL: str = ENV["PARLEY_BROKER_URL"] or REDIS_URL
# A web process takes its own sizes in project/asgi.py and project/web/admin_share.py.
POOL_SIZES = pool_sizes.for_service(
    connections=ENV["DATABASE_CONNECTIONS"],
    web_processes=ENV["WEB_PROCESSES"],
    worker_processes=ENV["WORKER_PROCESSES"],
)


# PostgreSQL would compare the costs of a plan for all values with those for each execution's own, by statistics that
# come from samples. So it happened that the end of a run was planned anew each time, which costs more than its
# execution: 0.7 ms of CPU a turn. What is written by hand is written so that one plan serves all values.
PLAN_ONCE = "-c plan_cache_mode=force_generic_plan"


def _database(url: str) -> dict[str, Any]:
    """Django's entry for a libpq URL. Parameters that Django does not know are passed to libpq."""
    given: dict[str, Any] = dict(conninfo_to_dict(url))
    return {
        "ENGINE": "project.postgresql",
        "NAME": given.pop("dbname", ""),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": given.pop("port", ""),
        # Waiting for a connection is bounded, so that an unreachable database gives a 503 and does not hang.
        # Statements with parameters bound on the server (conversations/stores/statements.py) are prepared when they are
        # first used, and planned once.
        "OPTIONS": {
            "pool": {"min_size": 0, "max_size": POOL_SIZES.worker, "timeout": 5},
            "prepare_threshold": 0,
            "connect_timeout": 5,
            **given,
            "options": f"{PLAN_ONCE} {given.get('options', '')}".strip(),
        },
    }


DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "static/"

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_config(ENV["LOG_LEVEL"].upper())

MAX_BODY_BYTES: int = ENV["MAX_BODY_BYTES"]
MAX_BODIES_BYTES: int = ENV["MAX_BODIES_BYTES"]
# The admin's own bound. project/web/handler.py applies it to every kind of form: forms are read before sign-in.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

MAX_MESSAGES: int = ENV["MAX_MESSAGES"]

REST_FRAMEWORK: dict[str, Any] = {
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    # Imported only when the document is made.
    "DEFAULT_SCHEMA_CLASS": "conversations.views.schema.generator.OperationSchema",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Parley",
    "DESCRIPTION": "A self-hosted, stateful conversation service for language models.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/",
    "POSTPROCESSING_HOOKS": [],
    "SECURITY": [{"key": []}],
}

UNFOLD = {
    "SITE_TITLE": "Parley",
    "SITE_HEADER": "Parley",
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/conversations/favicon.svg"}],
    "SITE_URL": None,
    "SIDEBAR": {"navigation": "conversations.admin.site.sidebar.groups"},
}

# The service's own settings, typed by environment/table.py.
VALKEY_MAX_MEMORY: int = ENV["VALKEY_MAX_MEMORY"]
HOST: str = ENV["HOST"]
PORT: int = ENV["PORT"]
ROLES: list[str] = ENV["ROLES"]
WEB_PROCESSES: int = ENV["WEB_PROCESSES"]
MAX_CONNECTIONS: int = ENV["MAX_CONNECTIONS"]
WORKER_PROCESSES: int = ENV["WORKER_PROCESSES"]
WORKER_THREADS: int = ENV["WORKER_THREADS"]
UPSTREAM_CONNECT_TIMEOUT: float = ENV["UPSTREAM_CONNECT_TIMEOUT"]
UPSTREAM_READ_TIMEOUT: float = ENV["UPSTREAM_READ_TIMEOUT"]
DATABASE_CONNECTIONS: int = ENV["DATABASE_CONNECTIONS"]
DATABASE_TIMEOUT: float = ENV["DATABASE_TIMEOUT"]
RUN_DEADLINE: float = ENV["RUN_DEADLINE"]
TOOL_STEPS: int = ENV["TOOL_STEPS"]
APPROVAL_DAYS: float = ENV["APPROVAL_DAYS"]
USAGE_DRAIN_SECONDS: float = ENV["USAGE_DRAIN_SECONDS"]
USAGE_DRAINS: int = ENV["USAGE_DRAINS"]
MAX_ANSWER_BYTES: int = ENV["MAX_ANSWER_BYTES"]
MAX_STREAMS_PER_KEY: int = ENV["MAX_STREAMS_PER_KEY"]
QUEUE_WAIT: float = ENV["QUEUE_WAIT"]
REFUSE_AFTER_WAIT: float = ENV["REFUSE_AFTER_WAIT"]
MAX_QUEUED_RUNS: int = ENV["MAX_QUEUED_RUNS"]
RUN_MAX_ATTEMPTS: int = ENV["RUN_MAX_ATTEMPTS"]
RUN_LOG_SECONDS: int = ENV["RUN_LOG_SECONDS"]
DRAIN_SECONDS: float = ENV["DRAIN_SECONDS"]
REQUESTS_PER_MINUTE: int = ENV["REQUESTS_PER_MINUTE"]
TOKENS_PER_MINUTE: int = ENV["TOKENS_PER_MINUTE"]
CONCURRENT_RUNS: int = ENV["CONCURRENT_RUNS"]
OTHER_REQUESTS_PER_MINUTE: int = ENV["OTHER_REQUESTS_PER_MINUTE"]
CLIENT_TOKEN_REQUESTS_PER_MINUTE: int = ENV["CLIENT_TOKEN_REQUESTS_PER_MINUTE"]
BYTES_PER_MINUTE: int = ENV["BYTES_PER_MINUTE"]
# The keys are the names in `services/accounts/quotas.py`.
QUOTAS: dict[str, int] = {
    name.removesuffix("_PER_ACCOUNT").lower(): value for name, value in ENV.items() if name.endswith("_PER_ACCOUNT")
}
# For tests and development: addresses besides public ones that customers' URLs may lead to.
OUTBOUND_ALLOW: tuple[addresses.Network, ...] = addresses.ranges(ENV["OUTBOUND_ALLOW"])
DELIVERY_KEEP_DAYS: int = ENV["DELIVERY_KEEP_DAYS"]
# By the kinds of rows in services/retention/kinds.py. Longer than any row is old: kept for ever.
_FOR_EVER_DAYS = 36_500
KEEP: dict[str, timedelta] = {
    name.removeprefix("KEEP_").removesuffix("_DAYS").lower(): timedelta(days=days or _FOR_EVER_DAYS)
    for name, days in ENV.items()
    if name.startswith("KEEP_")
}
MAX_PENDING_DELIVERIES: int = ENV["MAX_PENDING_DELIVERIES"]
KNOWLEDGE_THREADS: int = ENV["KNOWLEDGE_THREADS"]
CURRENCY: str = ENV["CURRENCY"]
METERED: bool = ENV["METERED"]
PRICES_FILE: str = ENV["PRICES_FILE"]
ECHO: bool = ENV["ECHO"]
DEFAULT_MODEL: str = ENV["DEFAULT_MODEL"]
INTENT_MODEL: str = ENV["INTENT_MODEL"]
DIALOGUE_IDLE: timedelta = timedelta(minutes=ENV["DIALOGUE_IDLE_MINUTES"])
DEFAULT_VENDOR: str = ENV["DEFAULT_VENDOR"]
SSL_CERT_FILE: str = ENV["SSL_CERT_FILE"]
SSL_CERT_DIR: str = ENV["SSL_CERT_DIR"]
# Of the engines that search the web, those that are set.
SEARCH_SETTINGS: dict[str, str] = {name: ENV[name] for name in search_engines.SETTINGS if ENV[name]}
try:
    search_engines.configured(SEARCH_SETTINGS)
except ValueError as exc:
    raise ImproperlyConfigured(str(exc)) from exc
# Each vendor's credentials, by the prefix that the catalogue gives it.
VENDOR_SETTINGS: dict[str, str] = {
    name: value for name, value in ENV.items() if name.endswith(("_API_KEY", "_BASE_URL")) and name != "PARLEY_API_KEY"
}
