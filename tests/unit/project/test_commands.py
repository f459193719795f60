"""Every command of ours explains itself."""

import pytest
from django.core.management import get_commands, load_command_class

OURS = sorted((app, name) for name, app in get_commands().items() if app in ("conversations", "project"))


@pytest.mark.parametrize(("app", "name"), OURS)
def test_prints_its_help(app: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    load_command_class(app, name).print_help("manage.py", name)

    assert f"usage: manage.py {name} " in capsys.readouterr().out


def test_finds_the_commands_of_both_packages() -> None:
    assert {("conversations", "fill"), ("project", "serve")} <= set(OURS)
