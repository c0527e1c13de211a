"""The drill `service` of a stack: which services it takes down, and how they are watched and put back."""

import os
import secrets
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx

from components.settings import ServiceSettings, Settings
from components.settings.alerting import PagerDuty
from components.settings.hosts import place
from components.settings.services import CheckSettings
from core.documents import DocumentError
from core.failure import Failure
from core.text import printable
from engine import session, stack_file
from engine.stack_target import StackTarget
from engine.targets import is_local
from live import pagerduty, uptimerobot
from live.vendor_apis import Apis, open_apis
from recovery.drill import bad_deployment
from recovery.drill.bad_deployment import OutageLimits, ServicePage
from recovery.drill.evidence import Scenario
from recovery.drill.scenario_run import OnProgress
from respond.carry_out import carry_out
from respond.deployments import ROLL_BACK, read_service, start_deployment
from respond.journal import ResponseJournal
from respond.step import RespondContext, StepOptions

_ANSWER_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 10.0
"""UptimeRobot answers a free account ten requests a minute."""

_POLL_SECONDS_ON_TWIN: Final = 0.2
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""How far the clock of a vendor may be behind this machine's."""


@dataclass(frozen=True)
class WatchedService:
    """A service that can be drilled, with the check that shall notice the bad deployment."""

    name: str
    settings: ServiceSettings
    check: CheckSettings

    @property
    def address(self) -> str:
        return f"{self.settings.url}{self.check.path}"


def choose_services(target: StackTarget, name: str, deployment: str) -> list[WatchedService]:
    """
    Return the services that are taken down, by name or all that can be.

    Raises:
        Failure: the stack is production or what production runs on, or there is nothing to take down.
    """
    _require_expendable(target)
    settings = target.settings
    watched = (_watch(*item) for item in sorted(settings.services.items()))
    known = [one for one in watched if one]
    if name != "all":
        known = [one for one in known if one.name == name]
    if not known:
        raise Failure(
            f"{target.name} has no service {'' if name == 'all' else name + ' '}that can be drilled: none at "
            "Railway that UptimeRobot watches. After a rollback Vercel keeps new deployments from the "
            "traffic, so that a drill would leave a project there changed.",
            f"choose another, or give it a check and a `host` in Pulumi.{target.name}.yaml.",
        )
    if target.location == "vendors" and not deployment:
        raise Failure(
            "At a real host the drill makes no deployment.",
            "deploy a commit there that starts and is not healthy, roll it back, and name its id: "
            "--service NAME --deployment ID.",
        )
    if deployment and len(known) > 1:
        raise Failure("A deployment is of one service.", "name the service: --service NAME.")
    return known


def _require_expendable(target: StackTarget) -> None:
    """Raise Failure unless the services of a stack may be taken down."""
    next_step = "drill on the twin (`./bulwark drill service`), or at staging: --stack staging."
    if target.settings.platform.environment == "production":
        raise Failure(
            "The drill takes a service down, so it never runs at production, and nothing was changed.",
            next_step,
        )
    if target.location == "twin":
        if not target.runs_platform:
            raise Failure(f"The services of {target.name} do not run on the twin.", next_step)
        return
    own = {place(host) for host in target.settings.hosts.values()}
    own |= {(service.url,) for service in target.settings.services.values()}
    for file in sorted(stack_file.path_of(target.name).parent.glob("Pulumi.*.yaml")):
        stack = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
        if stack != target.name and own & _list_production(stack):
            raise Failure(
                f"{target.name} names a service of {stack}, which is production; nothing was changed.",
                f"correct the services in Pulumi.{target.name}.yaml.",
            )


def _list_production(stack: str) -> set[tuple[str, ...]]:
    """Return where the services of another stack run, if it is production."""
    content = stack_file.read(stack)
    if is_local(content):
        return set()
    settings: Settings = stack_file.load_settings(stack, content)
    if settings.platform.environment != "production":
        return set()
    places = {place(host) for host in settings.hosts.values()}
    return places | {(service.url,) for service in settings.services.values()}


def _watch(name: str, service: ServiceSettings) -> WatchedService | None:
    """Return a service with the most severe check that UptimeRobot makes of it."""
    checks = [check for check in service.checks.values() if "uptimerobot" in check.watched_by]
    if not checks or not service.host or service.host.type != "railway":
        return None
    return WatchedService(name, service, min(checks, key=lambda check: check.severity))


def drill_services(
    target: StackTarget,
    folder: Path,
    *,
    service: str,
    deployment: str,
    journal: ResponseJournal,
    on_progress: OnProgress,
) -> Iterator[Scenario]:
    """Take down the services of a stack one after the other. Raises Failure before the first."""
    chosen = choose_services(target, service, deployment)
    objectives = target.settings.platform.objectives
    with _open(target, journal, on_progress) as access:
        for watched in chosen:
            critical = watched.settings.critical
            minutes = (
                objectives.critical_recovery_time_minutes if critical else objectives.recovery_time_minutes
            )
            yield bad_deployment.drill(
                DrilledRailwayService(access, watched, deployment),
                folder,
                limits=OutageLimits(
                    objective=minutes * 60,
                    loss_objective=objectives.independent_recovery_point_hours * 3600,
                    poll=_POLL_SECONDS_ON_TWIN if target.location == "twin" else _POLL_SECONDS,
                ),
                on_progress=lambda phase, name=watched.name: on_progress(f"{name}: {phase}"),
            )


def put_back(target: StackTarget, folder: Path, journal: ResponseJournal) -> Iterator[str]:
    """
    Roll back what an interrupted drill has deployed, unless something else runs since; yield what that was.

    Raises:
        Failure: it can't be looked at or rolled back; the note stays.
    """
    try:
        notes = list(bad_deployment.read_notes(folder))
    except (DocumentError, OSError) as error:
        raise Failure(
            f"A note of an interrupted drill in {folder} can't be read: {error}",
            "see whether the services are healthy (`./bulwark status`), and remove the note.",
        ) from None
    if not notes:
        return
    with _open(target, journal, lambda _: None) as access:
        for file, note in notes:
            found = read_service(access.context, note.service).active
            if found and note.bad in {found.id, found.commit}:
                access.roll_back(note.service, note.deployment)
                yield f"the bad deployment of {note.service} (rolled back to {note.deployment})"
            file.unlink()


@dataclass(frozen=True)
class _ServiceAccess:
    """What the services of a stack are asked, and rolled back, by."""

    context: RespondContext
    apis: Apis
    client: httpx.Client = field(repr=False)
    journal: ResponseJournal
    on_progress: OnProgress

    def roll_back(self, service: str, deployment: str) -> str:
        """Let a deployment run as `respond roll-back` does, and return the record's id. Raises Failure."""
        options = StepOptions(deployment=deployment)
        with self.journal.lock():
            response = carry_out(
                self.context,
                ROLL_BACK,
                service,
                options,
                plan=ROLL_BACK.plan(self.context, service, options),
                journal=self.journal,
                on_progress=self.on_progress,
            )
        record = response.record
        if record.outcome != "carried out":
            cause = next((one.error for one in record.actions if one.error), "it is not in use")
            raise Failure(
                f"{service} was not rolled back to {deployment}: {cause}", "./bulwark respond --list"
            )
        return record.id


@contextmanager
def _open(
    target: StackTarget, journal: ResponseJournal, on_progress: OnProgress
) -> Generator[_ServiceAccess]:
    session.set_environment(target, runs_program=False)
    context = RespondContext(target, {}, os.environ)
    client = httpx.Client(timeout=_ANSWER_SECONDS, trust_env=target.uses_proxies, verify=target.tls_context())
    with client, open_apis(target, os.environ) as apis:
        yield _ServiceAccess(context, apis, client, journal, on_progress)


class DrilledRailwayService:
    """A service at Railway that UptimeRobot watches and whose outage PagerDuty is told."""

    host = "Railway"

    def __init__(self, access: _ServiceAccess, service: WatchedService, deployment: str) -> None:
        """Take the id of the bad deployment; without one the twin makes it, of a new commit."""
        self._access, self._service, self._deployment = access, service, deployment
        self.name = service.name
        self.bad = deployment or secrets.token_hex(20)
        alerting = access.context.target.settings.alerting
        channels = [alerting.channels[name] for name in alerting.route(service.check.severity)]
        self._pagers = {one.service for one in channels if isinstance(one, PagerDuty)}
        self.unpaged = (
            ""
            if self._pagers
            else f"no channel of {service.check.severity} is at PagerDuty, which can be asked"
        )
        self._began = datetime.now(UTC)
        self._known_pages = set[str]()

    def find_deployment(self) -> str:
        active = read_service(self._access.context, self.name).active
        return active.id if active else ""

    def deploy_bad(self) -> str:
        # By its ids, and not by the time: the clocks differ.
        self._known_pages = set() if self.unpaged else {one.id for one in self._list_pages()}
        context = self._access.context
        if self._deployment:
            start_deployment(context, self.name, self._deployment)
            return f"{self._deployment}, which was named"
        return f"{context.target.deploy_bad(self.name, self.bad)}, which does not start"

    def roll_back(self, deployment: str) -> str:
        return self._access.roll_back(self.name, deployment)

    def find_trouble(self) -> str:
        check = self._service.check
        try:
            answer = self._access.client.get(self._service.address, follow_redirects=check.follow_redirects)
        except httpx.HTTPError as error:
            return f"no answer ({type(error).__name__})"
        status = str(answer.status_code)
        if status not in check.statuses and f"{status[0]}xx" not in check.statuses:
            return f"HTTP {status}"
        if check.keyword and check.keyword not in answer.text:
            return f"HTTP {status} without the keyword"
        return ""

    def find_seen_trouble(self) -> str:
        monitor = self._find_monitor()
        return "" if monitor.status == "UP" else printable(monitor.status)

    def find_page(self) -> ServicePage | None:
        found = [incident for incident in self._list_pages() if incident.id not in self._known_pages]
        if not found:
            return None
        newest = max(found, key=lambda incident: incident.created_at)
        return ServicePage(printable(newest.id), printable(newest.title), newest.status != "resolved")

    def _list_pages(self) -> list[pagerduty.PagerDutyIncident]:
        """Return the incidents of the monitor since shortly before the drill."""
        api = self._access.apis.pagerduty
        services = {one.id for one in pagerduty.list_collection(api, "services") if one.name in self._pagers}
        name = self._find_monitor().friendlyName
        listed = pagerduty.list_incidents(api, since=self._began - _CLOCKS_DIFFER)
        return [one for one in listed if one.service.id in services and name in one.title]

    def _find_monitor(self) -> uptimerobot.LiveMonitor:
        address = self._service.address.rstrip("/")
        for monitor in uptimerobot.list_monitors(self._access.apis.uptimerobot):
            if (monitor.url or "").rstrip("/") == address:
                return monitor
        raise Failure(f"UptimeRobot has no monitor of {address}.", "./bulwark up makes it.")
