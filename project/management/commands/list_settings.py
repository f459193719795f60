"""`manage.py list_settings`: prints the README's table of all settings."""

from typing import Any

from django.core.management.base import BaseCommand

from project.environment.setting import Setting
from project.environment.table import SETTINGS


class Command(BaseCommand):
    help = "Prints every setting Parley reads from the environment, as a Markdown table."
    requires_system_checks = ()

    def handle(self, **_options: Any) -> None:
        self.stdout.write("| setting | default | meaning |")
        self.stdout.write("|---|---|---|")
        for setting in SETTINGS:
            self.stdout.write(f"| `{setting.name}` | {_default(setting)} | {setting.help} |")


def _default(setting: Setting) -> str:
    if setting.name == "WORKER_PROCESSES":
        return "CPU cores"
    if setting.default in ("", []):
        return "–"
    if setting.kind is list:
        return f"`{','.join(setting.default)}`"
    if setting.kind is bool:
        return f"`{str(setting.default).lower()}`"
    value = f"{setting.default:g}" if setting.kind is float else str(setting.default)
    return f"`{value}`" + (f" {setting.unit}" if setting.unit else "")
