"""What `./bulwark ready` sees of names, by a name server on this machine."""

import socketserver
import ssl
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from generated_files import PRODUCTION

from components.settings import load
from readiness.checks.dns import CHECKS
from readiness.http_reader import HttpReader
from readiness.live_platform import LivePlatform
from readiness.results import CheckResult
from readiness.run import run_checks

NAMES = ("api.example.com", "app.example.com")
RIGHT = {
    **{(name, "A"): (300, ("192.0.2.7",)) for name in NAMES},
    ("example.com", "CAA"): (300, ('0 issue "letsencrypt.org"', '0 iodef "mailto:a@example.com"')),
}


@dataclass
class Zone:
    """What the name server answers: (name, kind) -> seconds and records."""

    port: int = 0
    records: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def zone() -> Generator[Zone]:
    zone = Zone()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query = dns.message.from_wire(self.request[0])
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            [question] = query.question
            kind = dns.rdatatype.to_text(question.rdtype)
            found = zone.records.get((question.name.to_text(omit_final_dot=True), kind))
            if found:
                seconds, texts = found
                answer.answer.append(dns.rrset.from_text(question.name, seconds, "IN", kind, *texts))
            self.request[1].sendto(answer.to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        zone.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        yield zone
        server.shutdown()


def look(zone: Zone, **changes: Any) -> dict[str, CheckResult]:
    context = ssl.create_default_context()
    reader = HttpReader([], context, uses_proxies=False)
    settings = changes.pop("settings", load(PRODUCTION))
    servers = (("127.0.0.1", zone.port),)
    platform = LivePlatform("s", "--stack s", settings, reader, context, Path(), name_servers=servers)
    results, _ = run_checks(CHECKS, platform, active=())
    reader.close()
    return {result.id: result for result in results}


def test_names_that_are_right_pass(zone: Zone) -> None:
    zone.records = dict(RIGHT)
    results = look(zone)
    assert {result.outcome for result in results.values()} == {"passed"}
    assert [one.value for one in results["authorities-are-named"].measured] == ["letsencrypt.org"] * 2


@pytest.mark.parametrize(
    ("check", "key", "records"),
    [
        ("names-resolve", ("api.example.com", "A"), None),
        ("names-resolve", ("api.example.com", "A"), (86_400, ("192.0.2.7",))),
        ("authorities-are-named", ("example.com", "CAA"), None),
        ("authorities-are-named", ("example.com", "CAA"), (300, ('0 iodef "mailto:a@example.com"',))),
        ("authorities-are-named", ("app.example.com", "CAA"), (300, ('0 issuewild ";"',))),
    ],
)
def test_a_name_that_is_wrong_turns_its_check_red(
    zone: Zone, check: str, key: tuple[str, str], records: tuple[int, tuple[str, ...]] | None
) -> None:
    zone.records = {**RIGHT, **({key: records} if records else {})}
    if not records:
        del zone.records[key]
    assert {name for name, one in look(zone).items() if one.outcome == "failed"} == {check}


def test_a_platform_of_this_machine_has_no_names(zone: Zone) -> None:
    services = {"backend": {"url": "https://localhost:8443"}}
    settings = load({"platform": PRODUCTION["platform"], "services": services})
    for result in look(zone, settings=settings).values():
        assert (result.outcome, result.is_expected) == ("not_looked_at", True)
