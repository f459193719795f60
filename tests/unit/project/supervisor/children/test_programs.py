"""The command lines of web and workers."""

from project.supervisor.children import programs


def test_gives_every_process_of_a_role_its_own_name() -> None:
    web = programs.web(count=1, fd=7, max_connections=100, drain_seconds=3.0, log_level="INFO")
    workers = programs.workers(count=2, threads=64, knowledge_threads=3, log_level="INFO")

    assert [program.name for program in (*web, *workers)] == ["web", "worker1", "worker2", "upkeep", "knowledge"]
    assert [program.args[program.args.index("-n") + 1] for program in workers] == [
        *("runs1@%h", "runs2@%h", "upkeep@%h", "knowledge@%h"),
    ]


def test_runs_the_upkeep_and_the_indexing_in_workers_of_their_own() -> None:
    *_, upkeep, knowledge = programs.workers(count=2, threads=64, knowledge_threads=3, log_level="INFO")

    assert upkeep.args[upkeep.args.index("-Q") + 1] == "upkeep,webhooks,erasures"
    assert upkeep.args[upkeep.args.index("-c") + 1] == "4"
    assert knowledge.args[knowledge.args.index("-Q") + 1] == "knowledge"
    assert knowledge.args[knowledge.args.index("-c") + 1] == "3"


def test_starts_only_the_roles_that_run_here() -> None:
    found = programs.workers(count=2, threads=64, knowledge_threads=3, log_level="INFO", roles=["web", "worker"])

    assert [program.name for program in found] == ["worker1", "worker2"]


def test_passes_the_listening_socket_by_its_descriptor() -> None:
    (web,) = programs.web(count=1, fd=7, max_connections=100, drain_seconds=3.0, log_level="INFO")

    assert web.args[web.args.index("--fd") + 1] == "7"


def test_web_uses_our_own_protocol() -> None:
    (web,) = programs.web(count=1, fd=7, max_connections=100, drain_seconds=3.0, log_level="INFO")

    assert web.args[web.args.index("--http") + 1] == "project.connections.http_protocol:StrictHttpProtocol"


def test_tells_web_how_many_connections_it_may_keep() -> None:
    (web,) = programs.web(count=1, fd=7, max_connections=100, drain_seconds=3.0, log_level="INFO")

    assert web.args[web.args.index("--limit-concurrency") + 1] == "100"


def test_web_trusts_no_proxy_that_was_not_named() -> None:
    (web,) = programs.web(count=1, fd=7, max_connections=100, drain_seconds=3.0, log_level="INFO")
    (behind,) = programs.web(
        count=1, fd=7, max_connections=100, drain_seconds=3.0, log_level="INFO", trusted_proxies=["10.0.0.0/8", "::1"]
    )

    assert "--no-proxy-headers" in web.args
    assert behind.args[behind.args.index("--forwarded-allow-ips") + 1] == "10.0.0.0/8,::1"
    assert "--no-proxy-headers" not in behind.args


def test_lets_web_finish_its_streams_for_as_long_as_workers_drain() -> None:
    (web,) = programs.web(count=1, fd=7, max_connections=100, drain_seconds=0.0, log_level="INFO")
    (patient,) = programs.web(count=1, fd=7, max_connections=100, drain_seconds=20.0, log_level="INFO")

    # 0 would mean to uvicorn: do not even finish what is being written.
    assert web.args[-1] == "1"
    assert patient.args[-1] == "20"
