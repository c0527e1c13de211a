"""From a failure to the people whom the settings name: the outside view, errors and heartbeats of a stack."""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager

import httpx
import sentry_sdk
from fast_twin import Living
from interrupted_process import LOOK_SECONDS, until

from twin.host.tls import trusting_context
from twin.neon.model import Neon
from twin.vendor.inbox import RECEIVED
from twin.vendor.store import VendorStore

NOTICED_SECONDS = 30
SEV1 = Counter(["pagerduty:oncall", "incidents", "email:operations", "automation"])
SEV2 = Counter(["incidents", "email:operations", "automation"])
SEV3_AT_SENTRY = Counter(["slack:#incidents"])


class Sink:
    """What the people's channels have received since this object was made."""

    def __init__(self, living: Living) -> None:
        self._store_path = living.installation.home.vendors
        with closing(VendorStore(self._store_path)) as store:
            self._after = max((entry.seq for entry in store.recorded(RECEIVED)), default=0)

    def told(self, *words: str) -> Counter[str]:
        """Count, by channel, the messages that have all the words in them."""
        with closing(VendorStore(self._store_path)) as store:
            return Counter(
                entry["channel"]
                for _, _, entry in store.recorded(RECEIVED, after=self._after)
                if all(word in str(entry["body"]) for word in words)
            )

    def await_all(self, wanted: Counter[str], *words: str) -> None:
        """Wait until everyone was told, and nobody else, and nobody twice."""
        wait(lambda: self.told(*words) >= wanted, f"{words} at {set(wanted)}")
        assert self.told(*words) == wanted


def wait(condition: Callable[[], object], what: str) -> None:
    until(condition, NOTICED_SECONDS, what, every=LOOK_SECONDS)


@contextmanager
def stopped_database(living: Living) -> Generator[None]:
    model = Neon(living.installation.home)
    with closing(model.store):
        ((_, cluster),) = model.clusters()
        cluster.stop()
        try:
            yield
        finally:
            cluster.start()


def health(living: Living) -> int:
    home = living.installation.home
    address = f"https://localhost:{home.port('test-api')}/health"
    return httpx.get(address, verify=trusting_context(home.tls / "ca.crt"), timeout=10).status_code


def view(living: Living, vendor: str, monitor: str) -> str:
    """Return how a vendor sees the target of a monitor: UP, DOWN, UNKNOWN."""
    with closing(VendorStore(living.installation.home.vendors)) as store:
        watch = store.get("twin", "watch", f"{vendor}:{living.resource(monitor)['id']}")
    return str(watch["status"]) if watch else "UNKNOWN"


def calm(living: Living) -> None:
    """Wait until all agree that all is well: they begin to look before the platform is deployed."""
    views = [("uptimerobot", f"uptime-{name}") for name in ("health", "version", "frontend")]
    views.append(("sentry", "errors-health"))
    wait(lambda: {view(living, *one) for one in views} == {"UP"}, "all monitors up")


def test_a_stopped_database_turns_health_red_and_tells_the_people_of_its_level(living: Living) -> None:
    calm(living)
    sink = Sink(living)
    assert health(living) == 200
    with stopped_database(living):
        assert health(living) == 503
        sink.await_all(SEV1, "example-twin health", "Down")
        wait(lambda: view(living, "sentry", "errors-health") == "DOWN", "the second look")
    assert health(living) == 200
    sink.await_all(SEV1, "example-twin health", "Up")
    assert not sink.told("version"), "that address answers without the database"


def test_an_exception_sent_to_the_exported_dsn_is_taken_in_and_tells_the_people_of_its_level(
    living: Living,
) -> None:
    sink = Sink(living)
    client = sentry_sdk.Client(
        dsn=living.output("error_dsns")["backend"], environment="local", default_integrations=False
    )
    with sentry_sdk.new_scope() as scope:
        scope.set_client(client)
        try:
            raise ValueError("a bad day in the backend")  # noqa: TRY301 - what an application does
        except ValueError:
            event = sentry_sdk.capture_exception()
        client.close(timeout=10)
    sink.await_all(SEV3_AT_SENTRY, "'backend new'", "a bad day in the backend")
    with closing(VendorStore(living.installation.home.vendors)) as store:
        taken_in = [recorded.entry for recorded in store.recorded("events")]
    assert event in {entry["eventId"] for entry in taken_in}


def test_a_job_that_does_not_report_is_noticed_until_it_does(living: Living) -> None:
    address = living.output("heartbeat_urls")["drill"]
    drill = living.resource("job-drill-heartbeat")["id"]
    assert httpx.get(address).status_code == 200
    with closing(VendorStore(living.installation.home.vendors)) as store:
        watch = store.get("twin", "watch", f"uptimerobot:{drill}")
    assert watch
    assert watch["pinged"]
    sink = Sink(living)
    sink.await_all(SEV2, "example-twin recovery drill", "Down")
    httpx.get(address).raise_for_status()
    sink.await_all(SEV2, "example-twin recovery drill", "Up")
