"""What the vendors' HTTP APIs have in common: authentication, planned faults, and Neon's proxy."""

import ssl
from collections.abc import Iterator

import httpx
import pytest
from cryptography import x509
from vendor_process import Twin, running_twin

from twin.host.tls_proxy import HOSTS, authority_file
from twin.vendor import faults
from twin.vendor.faults import Fault

pytestmark = pytest.mark.shares("vendor-http")

PROJECTS = "/neon/api/v2/projects"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with running_twin(tmp_path_factory.mktemp("apis")) as twin:
        yield twin


def list_projects(twin: Twin, token: str = "") -> httpx.Response:
    token = token or twin.home.secret("NEON_API_KEY")
    return httpx.get(f"{twin.url}{PROJECTS}", headers={"Authorization": f"Bearer {token}"})


def plan_fault(twin: Twin, fault: Fault) -> None:
    faults.plan(twin.store, "neon", fault)


def test_only_requests_with_the_token_are_answered(twin: Twin) -> None:
    assert list_projects(twin).json() == {"projects": []}
    assert list_projects(twin, "wrong").status_code == 401
    assert httpx.get(f"{twin.url}{PROJECTS}").status_code == 401


def test_a_token_that_only_reads_changes_nothing_and_neon_has_none(twin: Twin) -> None:
    def answer(method: str, path: str, variable: str) -> int:
        token = twin.home.secret(f"{variable}_READ_ONLY")
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.request(method, f"{twin.url}{path}", headers=headers).status_code

    monitors, teams = "/uptimerobot/v3/monitors", "/sentry/api/0/organizations/example/teams/"
    assert answer("GET", monitors, "UPTIMEROBOT_API_KEY") == answer("GET", teams, "SENTRY_AUTH_TOKEN") == 200
    assert (
        answer("POST", monitors, "UPTIMEROBOT_API_KEY") == answer("POST", teams, "SENTRY_AUTH_TOKEN") == 403
    )
    assert answer("GET", PROJECTS, "NEON_API_KEY") == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "twin.example.com"}, 403),
        ({"Origin": "https://example.com"}, 403),
        ({"Host": "console.neon.tech", "Origin": "https://console.neon.tech"}, 403),
        ({"Origin": "https://localhost:8443"}, 200),
    ],
)
def test_a_page_of_another_site_is_refused(twin: Twin, headers: dict[str, str], status: int) -> None:
    for path in ("/", "/heartbeat/x", "/api/v2/projects", PROJECTS):
        answer = httpx.post(f"{twin.url}{path}", headers=headers)
        assert (answer.status_code == 403) == (status == 403)
        allowed = answer.headers.get("access-control-allow-origin")
        assert allowed == (None if status == 403 else headers["Origin"])
    asked = {"Access-Control-Request-Method": "POST", **headers}
    preflight = httpx.options(f"{twin.url}/api/1/envelope/", headers=asked)
    assert preflight.status_code == status


def test_a_planned_fault_strikes_as_often_as_it_says(twin: Twin) -> None:
    plan_fault(twin, Fault("GET", "/api/v2/projects", 429, "Slow down.", {"Retry-After": "1"}, times=2))
    plan_fault(twin, Fault("GET", "/api/v2/projects", 503))
    plan_fault(twin, Fault("POST", "/api/v2/projects", 500))
    first = list_projects(twin)
    assert (first.status_code, first.headers["retry-after"], first.json()["message"]) == (
        429,
        "1",
        "Slow down.",
    )
    assert [list_projects(twin).status_code for _ in range(3)] == [429, 503, 200]
    faults.cancel(twin.store, "neon")


def test_a_connection_can_break_in_the_middle_of_an_answer(twin: Twin) -> None:
    plan_fault(twin, Fault("GET", "/api/v2/projects", cut=True))
    with pytest.raises(httpx.RemoteProtocolError):
        list_projects(twin)
    assert list_projects(twin).status_code == 200


def proxied_client(twin: Twin, trusted: bool = True) -> httpx.Client:
    """Return a client that goes through Neon's proxy, as the real provider does."""
    context = ssl.create_default_context(cafile=authority_file(twin.home)) if trusted else True
    return httpx.Client(proxy=f"http://127.0.0.1:{twin.home.port('console')}", verify=context)


def test_neons_own_address_is_answered_to_clients_that_trust_the_proxy(twin: Twin) -> None:
    with proxied_client(twin) as client:
        headers = {"Authorization": f"Bearer {twin.home.secret('NEON_API_KEY')}"}
        assert client.get("https://console.neon.tech/api/v2/projects", headers=headers).status_code == 200
        assert client.get("https://console.neon.tech/api/v2/projects").status_code == 401
    with (
        proxied_client(twin, trusted=False) as client,
        pytest.raises(httpx.ConnectError, match="certificate"),
    ):
        client.get("https://console.neon.tech/api/v2/projects")


def test_the_proxy_refuses_every_other_host(twin: Twin) -> None:
    with proxied_client(twin) as client:
        for host in ("example.com", "console.neon.tech:444", "console.neon.tech.example.com"):
            with pytest.raises(httpx.ProxyError, match="403"):
                client.get(f"https://{host}/")
        assert client.get("http://console.neon.tech/api/v2/projects").status_code == 403


def test_the_proxys_authority_is_valid_for_its_hosts_alone_and_leaves_no_key(twin: Twin) -> None:
    certificate = x509.load_pem_x509_certificate(authority_file(twin.home).read_bytes())
    limits = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    assert [str(name.value) for name in limits.permitted_subtrees or ()] == list(HOSTS)
    keys = {file.name for file in twin.home.tls.iterdir() if b"PRIVATE KEY" in file.read_bytes()}
    assert keys == {"platform.key", "platform-short.pem", "platform-other.pem"}
