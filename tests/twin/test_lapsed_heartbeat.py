"""A heartbeat that is let lapse, on the twin's UptimeRobot, PagerDuty and Sentry: green, and red by fault."""

import _thread
import ssl
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from generated_files import PRODUCTION
from test_pagerduty import Account, rule
from vendor_process import FAST, Twin, eventually, running_twin

from components.settings import load
from live.declared import DeclaredStack
from live.heartbeats import list_heartbeats
from live.vendor_apis import Apis, open_apis
from readiness import heartbeat_lapse
from readiness.checks.monitoring import lapsed_heartbeat_pages
from readiness.http_reader import HttpReader
from readiness.live_platform import HeartbeatAccess, LivePlatform
from readiness.results import CheckResult
from readiness.run import run_checks
from twin.pagerduty.model import PagerDutyAccount

CHECK = lapsed_heartbeat_pages.CHECK
MINUTES = 3
"""The interval and the grace period of a heartbeat; seconds on the twin."""

NUMBERS = count()
STACK = "urn:pulumi:prod::bulwark::"
TYPES = {
    "monitor": "uptimerobot:index/monitor:Monitor",
    "integration": "uptimerobot:index/integration:Integration",
}


class Stack:
    """The heartbeat of one job, which tells the pager and a webhook, as a stack's state has it."""

    def __init__(self, twin: Twin, account: Account, service: str) -> None:
        self.twin, self.account = twin, account
        blocks = {**PRODUCTION, "platform": {**PRODUCTION["platform"], "environment": "local"}}
        settings = load(blocks)
        oncall = settings.alerting.channels["oncall"].model_copy(update={"service": service})
        channels = {**settings.alerting.channels, "oncall": oncall}
        alerting = settings.alerting.model_copy(update={"channels": channels})
        self.settings = settings.model_copy(update={"alerting": alerting})
        policy = account.model.create(
            "escalationPolicy", {"name": service, "rules": [rule(30, account.first)]}
        )
        self.policy = policy[0]
        self.service = account.model.create("service", {"name": service, "escalationPolicy": policy[0]})[0]
        key = account.model.create(
            "serviceIntegration",
            {"name": "probes", "service": self.service, "type": "events_api_v2_inbound_integration"},
        )[1]["integrationKey"]
        self.pager = twin.contact("oncall", kind="pagerduty", value=key, location="us", autoResolve=True)
        self.chat = twin.contact("automation", value=f"{twin.url}/inbox/automation-{service[-2:]}")
        self.title = f"{service} dump"
        inputs = {
            "name": self.title,
            "type": "HEARTBEAT",
            "interval": MINUTES * 60,
            "gracePeriod": MINUTES * 60,
        }
        self.monitor = twin.monitor(self.pager, self.chat, **inputs)
        contacts = [{"alertContactId": one, "threshold": 0} for one in (self.pager, self.chat)]
        self.resources = [
            self._resource("integration", "alerting-oncall", self.pager, name="oncall"),
            self._resource("integration", "alerting-automation", self.chat, name="automation"),
            self._resource(
                "monitor", "job-database-heartbeat", self.monitor, assignedAlertContacts=contacts, **inputs
            ),
        ]
        self.url = str((twin.uptimerobot.read("monitor", self.monitor) or {})["url"])

    @staticmethod
    def _resource(kind: str, resource: str, identifier: str, /, **inputs: Any) -> dict[str, Any]:
        token = TYPES[kind]
        urn = f"{STACK}{token}::{resource}"
        return {"urn": urn, "type": token, "id": identifier, "custom": True, "inputs": inputs}

    def signal(self) -> None:
        """Send the job's signal until the heartbeat is up."""
        eventually(lambda: httpx.get(self.url).is_success and self.twin.status(self.monitor) == "UP")

    @property
    def signalled(self) -> float:
        """When the last signal came, in Unix time."""
        watch = self.twin.store.get("twin", "watch", f"uptimerobot:{self.monitor}") or {}
        return watch.get("pinged", 0.0)

    def look(self, *, url: str = "", only: bool = True, **access: Any) -> CheckResult:
        addresses: Any = SimpleNamespace(
            api_url=lambda vendor: (
                f"{self.twin.url}/{vendor}" + {"uptimerobot": "/v3", "sentry": "/api"}.get(vendor, "")
            ),
            uses_proxies=False,
        )
        names = ("UPTIMEROBOT_API_KEY", "PAGERDUTY_TOKEN", "SENTRY_AUTH_TOKEN")
        tokens = {name: self.twin.home.secret(name) for name in names}

        @contextmanager
        def open_() -> Generator[Apis]:
            with open_apis(addresses, tokens) as apis:
                yield apis

        urls = {"database": url or self.url}
        heartbeats = HeartbeatAccess(
            open_, lambda: list(list_heartbeats(DeclaredStack(self.resources), urls)), lambda: FAST
        )
        context = ssl.create_default_context()
        reader = HttpReader([], context, uses_proxies=False)
        platform = LivePlatform(
            "local",
            "--stack local",
            self.settings,
            reader,
            context,
            Path(),
            heartbeats=replace(heartbeats, **access),
        )
        [result] = run_checks([CHECK], platform, active=(), only=[CHECK.id] if only else ())[0]
        return result


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Account]]:
    with pytest.MonkeyPatch.context() as patch, running_twin(tmp_path_factory.mktemp("lapse")) as twin:
        yield twin, Account(twin.home, patch)


@pytest.fixture
def stack(account: tuple[Twin, Account]) -> Stack:
    return Stack(*account, service=f"service {next(NUMBERS):02}")


def measure(result: CheckResult) -> dict[str, str]:
    return {one.what: one.value for one in result.measured}


def test_a_lapsed_heartbeat_pages_whoever_is_on_call_and_is_over_again(stack: Stack) -> None:
    stack.signal()
    before = stack.signalled
    result = stack.look()
    assert (result.outcome, result.problems) == ("passed", ())
    seen = measure(result)
    assert seen.keys() == {
        "heartbeat",
        "monitor down",
        "oncall told",
        "oncall, called",
        "automation told",
        "monitor up again",
    }
    assert "declared: at most 6 s after the last signal" in seen["monitor down"]
    assert seen["oncall, called"].startswith("first, ")
    assert stack.signalled > before
    key = stack.url.rpartition("/")[2]
    assert key not in result.model_dump_json()
    [incident] = (
        one
        for one in stack.account.model.list_objects("incident").values()
        if one["service"] == stack.service
    )
    assert incident["status"] == "resolved"


def edit_monitor(**changed: Any) -> Callable[[Stack], None]:
    def edit(stack: Stack) -> None:
        stack.twin.uptimerobot.update("monitor", stack.monitor, changed)

    return edit


def edit_contact(name: str, **changed: Any) -> Callable[[Stack], None]:
    def edit(stack: Stack) -> None:
        stack.twin.uptimerobot.update("integration", getattr(stack, name), changed)

    return edit


def assign(stack: Stack, delay: int) -> None:
    """Assign the chat alone, or the pager too with a delay."""
    assigned = [{"alertContactId": stack.chat, "threshold": 0, "recurrence": 0}]
    if delay:
        assigned.append({"alertContactId": stack.pager, "threshold": delay, "recurrence": 0})
    stack.twin.uptimerobot.update("monitor", stack.monitor, {"assignedAlertContacts": assigned})


def end_duty(stack: Stack) -> None:
    """Let the service's integration be another's, as after a service that was made anew."""
    pagers = PagerDutyAccount(stack.twin.home)
    for identifier, one in pagers.list_objects("serviceIntegration").items():
        if one["service"] == stack.service:
            pagers.delete("serviceIntegration", identifier)


def rename_service(stack: Stack) -> None:
    stack.account.model.update("service", stack.service, {"name": f"{stack.title} no more"})


FAULTS: dict[str, tuple[Callable[[Stack], None], str]] = {
    "paused": (edit_monitor(isPaused=True), "is paused"),
    "gone": (lambda stack: stack.twin.uptimerobot.delete("monitor", stack.monitor), "is gone"),
    "slower": (edit_monitor(gracePeriod=MINUTES * 60 + 60), "declared: 360 s"),
    "the pager is not assigned": (lambda stack: assign(stack, 0), "does not tell oncall"),
    "the pager is told later": (lambda stack: assign(stack, 5), "tells oncall after 300 s; declared: 0 s"),
    "no such service": (rename_service, "PagerDuty has no service"),
    "the pager is muted": (edit_contact("pager", enableNotificationsFor=4), "did not tell oncall"),
    "the webhook's address is wrong": (
        edit_contact("chat", value="http://127.0.0.1:9/"),
        "did not tell automation",
    ),
    "the pager's key is nobody's": (end_duty, "PagerDuty calls nobody"),
    "the pager is not told of the end": (edit_contact("pager", autoResolve=False), "is open"),
}
"""What is wrong -> how it is made, and what the only problem says."""


@pytest.mark.matrix(sample=2)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_heartbeat_that_would_not_page_turns_red(
    stack: Stack, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_lapse, "LATEST_SECONDS", 4.0)
    stack.signal()
    break_it, said = FAULTS[fault]
    break_it(stack)
    if fault == "paused":
        stack.twin.await_status(stack.monitor, "PAUSED")
    result = stack.look()
    assert result.outcome == "failed", result
    assert said in " ".join(result.problems)
    assert len(result.problems) == 1


def test_it_runs_for_nobody_who_did_not_ask(stack: Stack) -> None:
    stack.signal()
    before = stack.signalled
    result = stack.look(only=False)
    assert (result.outcome, result.is_expected) == ("not_looked_at", True)
    assert f"--only {CHECK.id}" in result.reason
    assert stack.signalled == before


def test_a_wait_that_is_too_long_is_refused_with_its_length(stack: Stack) -> None:
    stack.signal()
    before = stack.signalled
    result = stack.look(read_speed=lambda: 1.0, longest_wait_seconds=300.0)
    assert (result.outcome, result.is_expected) == ("not_looked_at", False)
    assert "at most 6 min after its last signal, and 5 min are the most to wait" in result.reason
    assert "--wait 6" in result.next_step
    assert stack.signalled == before


def test_a_heartbeat_that_is_not_up_or_not_the_declared_one_is_not_let_lapse(stack: Stack) -> None:
    fresh = stack.look()
    assert (fresh.outcome, "had no signal yet" in fresh.reason) == ("not_looked_at", True)
    stack.twin.await_status(stack.monitor, "DOWN")
    down = stack.look()
    assert (down.outcome, "is down already" in down.reason) == ("not_looked_at", True)
    stack.signal()
    other = stack.look(url=f"{stack.url}x")
    assert "is not the heartbeat that the stack declares" in other.reason
    assert stack.url.rpartition("/")[2] not in other.model_dump_json()
    assert "--job database" in stack.look(job="nightly").next_step


def test_ctrl_c_sends_the_signal_again(stack: Stack) -> None:
    stack.signal()
    before = stack.signalled
    threading.Timer(1.0, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        stack.look()
    assert stack.signalled > before
    assert stack.twin.status(stack.monitor) == "UP"


def test_a_job_that_runs_meanwhile_is_told_from_a_heartbeat_that_does_not_lapse(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_lapse, "LATEST_SECONDS", 1.0)
    organization = PRODUCTION["errors"]["organization"]
    sentry = {"organization": organization}
    stack.twin.sentry.create("team", {**sentry, "name": "Jobs"})
    stack.twin.sentry.create("project", {**sentry, "teams": ["jobs"], "name": "jobs"})
    _, key = stack.twin.sentry.create("key", {**sentry, "project": "jobs", "name": "default"})
    cron = {"schedule": {"crontab": "0 3 1 1 *"}, "failureIssueThreshold": 1, "recoveryThreshold": 1}
    made = stack.twin.sentry.create(
        "cronMonitor", {**sentry, "project": "jobs", "name": stack.title, **cron}
    )[1]
    check_in = key["dsn"]["crons"].replace("___MONITOR_SLUG___", str(made["slug"]))
    stack.signal()
    stopping = threading.Event()

    def run_job() -> None:
        while not stopping.wait(1.0):
            httpx.get(stack.url)
            httpx.get(check_in, params={"status": "ok"})

    job = threading.Thread(target=run_job)
    job.start()
    try:
        result = stack.look()
    finally:
        stopping.set()
        job.join()
    assert (result.outcome, result.is_expected) == ("not_looked_at", False)
    assert "The job database ran at" in result.reason
