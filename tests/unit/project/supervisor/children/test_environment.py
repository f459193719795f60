"""The environment of the supervisor and all its children."""

from project.supervisor.children import environment


def test_keeps_other_programs_settings_from_the_children() -> None:
    inherited = {"PATH": "/bin", "BROKER_URL": "redis://x", "CELERY_BROKER_URL": "redis://y", "UVICORN_PORT": "1"}

    env = environment.own(inherited)

    assert env == {
        "PATH": "/bin",
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_MMAP_THRESHOLD_": "262144",
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "NOSETPS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def test_an_operators_allocator_settings_win() -> None:
    env = environment.own({"MALLOC_ARENA_MAX": "8"})

    assert env["MALLOC_ARENA_MAX"] == "8"


def test_changes_nothing_in_an_environment_of_its_own() -> None:
    env = environment.own({"PATH": "/bin", "LOADER": "theirs"})

    assert environment.own(env) == env
