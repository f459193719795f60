"""Journey: vendors behind a company's TLS proxy with a certificate authority of its own."""

from pathlib import Path

from tests.fakes.authority import Authority
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api, refusal
from tests.journeys.service import Service
from tests.waiting import eventually


def test_trusts_the_companys_authority_and_no_other(tmp_path: Path) -> None:
    company, stranger = Authority(tmp_path), Authority(tmp_path, file_name="stranger.pem")
    with (
        FakeUpstream(tls=company.server_tls("localhost")) as known,
        FakeUpstream(tls=stranger.server_tls("localhost")) as unknown,
    ):
        known.default = lambda _: says("Hello from inside.")
        env = {
            "SSL_CERT_FILE": str(company.path),
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": known.base_url,
            "DEEPSEEK_API_KEY": "sk-2",
            "DEEPSEEK_BASE_URL": unknown.base_url,
        }
        with Service(data_dir=tmp_path / "var", env=env) as service:
            api = Api(service.base_url, service.api_key)

            answer = api.answer("Hi", model="gpt-4o")
            refused = api.ask("Hi", model="deepseek-v3")

            log = eventually(lambda: service.log, lambda log: "upstream_failed" in log)

    assert answer["answer"] == "Hello from inside."
    assert refusal(refused) == (500, "chat_error", "The model failed to answer.")
    assert unknown.requests == []
    (line,) = [line for line in log.splitlines() if "upstream_failed" in line]
    assert "vendor=deepseek error=UpstreamUnreachable" in line
    assert 'reason="TLS: certificate not trusted: ' in line


def test_does_not_start_with_a_missing_authority_file(tmp_path: Path) -> None:
    service = Service(data_dir=tmp_path / "var", env={"SSL_CERT_FILE": "no-such.pem"})

    service.launch()

    assert service.wait() != 0
    assert "SSL_CERT_FILE: cannot read no-such.pem (No such file or directory)" in service.log
