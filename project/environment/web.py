"""The settings of who reaches the web server: by which names, through which proxies, from which pages."""

from project.environment import checks
from project.environment.setting import Setting

WEB: tuple[Setting, ...] = (
    Setting(
        "ALLOWED_HOSTS",
        list,
        ["*"],
        "Host names the web server answers to, comma-separated; /healthz and /readyz answer to any",
    ),
    Setting(
        "PUBLIC_URL",
        str,
        "",
        "Address that callers and browsers know the service by, such as https://chat.example.com; links are made of it",
        check=checks.public_url,
    ),
    Setting(
        "CORS_ORIGINS",
        list,
        [],
        "Origins, comma-separated, whose pages may call the API from a browser, such as https://app.example.com; "
        "`*` for any page",
        check=checks.origins,
    ),
    Setting(
        "TRUSTED_PROXIES",
        list,
        [],
        "Address ranges (CIDR, comma-separated) of reverse proxies; only their X-Forwarded-For and -Proto are believed",
        check=checks.ranges,
    ),
)
