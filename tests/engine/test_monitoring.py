"""From a failure to the channels of its severity: the uptime, errors and heartbeats of a stack."""

import re
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest
import sentry_sdk
from fast_twin import SPEED, FastTwin, find_host
from interrupted_process import LOOK_SECONDS, wait_until

from twin.host.tls import tls_context
from twin.neon.model import Neon
from twin.railway.model import Railway
from twin.vendor.inbox import RECEIVED
from twin.vendor.store import VendorStore

pytestmark = pytest.mark.shares("fast_twin")

NOTICED_SECONDS = 30
LEVEL_SECONDS = 5 * 60 / SPEED
"""How long the first level of Pulumi.local.yaml waits."""
CALL = "call"
"""Stands for the channel of whoever is on call now."""
SEV1 = Counter([CALL, "incidents", "email:operations", "automation"])
SEV2 = Counter(["incidents", "email:operations", "automation"])
SEV3_AT_SENTRY = Counter(["slack:#incidents"])


class Inbox:
    """The messages that all channels have received since this object was created."""

    def __init__(self, fast_twin: FastTwin) -> None:
        self._store_path = fast_twin.installation.home.vendors
        with closing(VendorStore(self._store_path)) as store:
            self._after = max((entry.seq for entry in store.read_log(RECEIVED)), default=0)

    def count_messages(self, *words: str) -> Counter[str]:
        """Count, by channel, the messages that contain all the words."""
        with closing(VendorStore(self._store_path)) as store:
            return Counter(
                CALL if entry["channel"].startswith("pagerduty:") else entry["channel"]
                for _, _, entry in store.read_log(RECEIVED, after=self._after)
                if all(word in str(entry["body"]) for word in words) and not _is_escalation(entry)
            )

    def find_calls(self, *words: str) -> list[tuple[float, str]]:
        """Return when (Unix time) who was called, in order."""
        with closing(VendorStore(self._store_path)) as store:
            return [
                (unix_time, entry["channel"].removeprefix("pagerduty:"))
                for _, unix_time, entry in store.read_log(RECEIVED, after=self._after)
                if entry["channel"].startswith("pagerduty:")
                and all(word in str(entry["body"]) for word in words)
            ]

    def await_messages(self, wanted: Counter[str], *words: str) -> None:
        """Wait until all messages have arrived, and check that there are no others."""
        wait(lambda: self.count_messages(*words) >= wanted, f"{words} at {set(wanted)}")
        assert self.count_messages(*words) == wanted


def _is_escalation(entry: dict[str, Any]) -> bool:
    return isinstance(entry["body"], dict) and entry["body"].get("event") == "Escalated"


def wait(condition: Callable[[], object], what: str) -> None:
    wait_until(condition, NOTICED_SECONDS, what, every=LOOK_SECONDS)


@contextmanager
def stopped_database(fast_twin: FastTwin) -> Generator[None]:
    model = Neon(fast_twin.installation.home)
    with closing(model.store):
        ((_, cluster),) = model.list_clusters()
        cluster.stop()
        try:
            yield
        finally:
            cluster.start()


@contextmanager
def disconnected_platform(fast_twin: FastTwin) -> Generator[None]:
    """Take the address of its database away from the platform."""
    place = find_host(fast_twin, "backend")
    with closing((railway := Railway(fast_twin.installation.home)).store):
        kept = dict(railway.find_instance(*place)["variables"])
        railway.delete_variable(*place, "DATABASE_URL")
        railway.redeploy(*place)
        try:
            yield
        finally:
            railway.set_variables(*place, kept)


def test_a_command_that_needs_a_stopped_database_says_that_it_started_it_again(fast_twin: FastTwin) -> None:
    with stopped_database(fast_twin):
        ended = fast_twin.bulwark("backups", "--json")
    assert ended.code == 0, ended.text
    assert re.search(r"postgres/\S+ had been stopped, and was started again\.", ended.err), ended.err


def health(fast_twin: FastTwin) -> int:
    home = fast_twin.installation.home
    address = f"https://localhost:{home.port('platform-backend')}/health"
    return httpx.get(address, verify=tls_context(home.tls / "ca.crt"), timeout=10).status_code


def monitor_status(fast_twin: FastTwin, vendor: str, monitor: str) -> str:
    """Return how a vendor sees the target of a monitor: UP, DOWN, UNKNOWN."""
    with closing(VendorStore(fast_twin.installation.home.vendors)) as store:
        watch = store.get("twin", "watch", f"{vendor}:{fast_twin.resource(monitor)['id']}")
    return str(watch["status"]) if watch else "UNKNOWN"


def wait_until_all_is_up(fast_twin: FastTwin) -> None:
    """Wait until all monitors are up: some probe for the first time after `up`."""
    views = [
        ("uptimerobot", f"uptime-{name}") for name in ("backend-health", "backend-version", "frontend-page")
    ]
    views.append(("sentry", "errors-backend-check-health"))
    wait(lambda: {monitor_status(fast_twin, *one) for one in views} == {"UP"}, "all monitors up")


def test_a_stopped_database_turns_health_red_and_alerts_the_channels_of_its_severity(
    fast_twin: FastTwin,
) -> None:
    wait_until_all_is_up(fast_twin)
    inbox = Inbox(fast_twin)
    assert health(fast_twin) == 200
    with stopped_database(fast_twin):
        assert health(fast_twin) == 503
        down = ("example-twin backend health", "Down")
        inbox.await_messages(SEV1, *down)
        wait(lambda: len(inbox.find_calls(*down)) > 1, "nobody acknowledges, and the next person is called")
        (first, on_call), (second, next_one) = inbox.find_calls(*down)[:2]
        assert on_call in {"first@example.com", "second@example.com"}
        assert next_one == "lead@example.com"
        assert LEVEL_SECONDS - 1 < second - first < LEVEL_SECONDS + NOTICED_SECONDS
        wait(
            lambda: monitor_status(fast_twin, "sentry", "errors-backend-check-health") == "DOWN",
            "the second look",
        )
        with disconnected_platform(fast_twin):
            during = fast_twin.bulwark("preview", "--json")  # starts the database again
            assert health(fast_twin) == 503
            assert (during.code, during.json["steps"]) == (0, []), "what is armed stays armed"
    assert health(fast_twin) == 200
    # PagerDuty calls nobody when it is over: the incident ends, and so do the calls.
    inbox.await_messages(SEV2, "example-twin backend health", "Up")
    assert not inbox.count_messages("version"), "that address answers without the database"


def test_an_exception_sent_to_the_exported_dsn_is_recorded_and_alerts_the_channels_of_its_severity(
    fast_twin: FastTwin,
) -> None:
    inbox = Inbox(fast_twin)
    client = sentry_sdk.Client(
        dsn=fast_twin.output("error_dsns")["backend"], environment="local", default_integrations=False
    )
    with sentry_sdk.new_scope() as scope:
        scope.set_client(client)
        try:
            raise ValueError("a bad day in the backend")  # noqa: TRY301 - what an application does
        except ValueError:
            event = sentry_sdk.capture_exception()
        client.close(timeout=10)
    inbox.await_messages(SEV3_AT_SENTRY, "'backend new'", "a bad day in the backend")
    with closing(VendorStore(fast_twin.installation.home.vendors)) as store:
        taken_in = [recorded.content for recorded in store.read_log("events")]
    assert event in {entry["eventId"] for entry in taken_in}


def test_a_job_that_sends_no_heartbeat_alerts_until_it_sends_one(fast_twin: FastTwin) -> None:
    address = fast_twin.output("heartbeat_urls")["drill"]
    drill = fast_twin.resource("job-drill-heartbeat")["id"]
    assert httpx.get(address).status_code == 200
    with closing(VendorStore(fast_twin.installation.home.vendors)) as store:
        watch = store.get("twin", "watch", f"uptimerobot:{drill}")
    assert watch
    assert watch["pinged"]
    inbox = Inbox(fast_twin)
    inbox.await_messages(SEV2, "example-twin recovery drill", "Down")
    httpx.get(address).raise_for_status()
    inbox.await_messages(SEV2, "example-twin recovery drill", "Up")
