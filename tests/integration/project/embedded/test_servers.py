"""The private servers of this very test run."""

import os
from pathlib import Path

from django.conf import settings

from project.celery import app
from project.environment import table
from tests import servers


def test_forgets_every_setting_of_the_developers_shell() -> None:
    assert sorted(servers.setting_names()) == sorted(setting.name for setting in table.SETTINGS)


def test_points_everything_at_the_private_servers() -> None:
    data_dir = Path(os.environ["DATA_DIR"])

    assert data_dir.name.startswith("parley-test-")
    assert data_dir == settings.DATA_DIR
    assert str(data_dir) in settings.DATABASE_URL
    assert str(data_dir) in settings.REDIS_URL
    assert str(data_dir) in app.conf.broker_url
