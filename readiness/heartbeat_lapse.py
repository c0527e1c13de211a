"""A heartbeat that is let lapse: when its monitor is down, who is told, and when it is over."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from components.settings.alerting import PagerDuty
from core.failure import Failure
from core.text import printable
from live import pagerduty, uptimerobot
from live.heartbeats import DeclaredHeartbeat, HeartbeatContact
from live.sentry import list_crons
from live.vendor_apis import Apis
from readiness.check import Observation
from readiness.live_platform import LivePlatform
from recovery.heartbeat import send_heartbeat

LATEST_SECONDS = 60.0
"""How much later than declared the monitor may be down, a contact told, and each of them over again."""

_POLL_SECONDS: Final = 10.0
"""UptimeRobot answers the smallest plan that has heartbeats twenty requests a minute."""

_SHORTEST_POLL_SECONDS: Final = 0.2
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""How far the clock of a vendor may be behind this machine's."""

_CLOCKS_OF_VENDORS_DIFFER: Final = timedelta(seconds=5)

_T = TypeVar("_T")


@dataclass
class HeartbeatLapse:
    """One heartbeat that is let lapse: nothing is done but to wait, until its signal is sent again."""

    platform: LivePlatform
    apis: Apis
    heartbeat: DeclaredHeartbeat
    speed: float
    seen: Observation = field(default_factory=Observation)
    pagers: dict[str, str] = field(default_factory=dict[str, str])
    """Channel -> id of its service at PagerDuty."""

    paged: dict[str, str] = field(default_factory=dict[str, str])
    """Those of them that have an incident of the heartbeat."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    down_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """By UptimeRobot's clock, once it has an incident."""

    known: frozenset[str] = frozenset()
    """Incidents at UptimeRobot that there were before; by their ids, as clocks differ."""

    def find_pagers(self) -> list[str]:
        """Find the services at PagerDuty that are to be told, and return what is wrong with them."""
        channels = self.platform.settings.alerting.channels
        wanted = {
            contact.name: channel.service
            for contact in self.heartbeat.contacts
            if isinstance(channel := channels.get(contact.name), PagerDuty)
        }
        if wanted:
            services = {
                one.name: one.id for one in pagerduty.list_collection(self.apis.pagerduty, "services")
            }
            self.pagers = {name: services[service] for name, service in wanted.items() if service in services}
        return [
            f"{name}: PagerDuty has no service {service}"
            for name, service in wanted.items()
            if name not in self.pagers
        ]

    def observe(self) -> None:
        """Wait until the monitor is down and everybody told; send the signal, and wait until it is over."""
        self.known = frozenset(one.id for one in self._list_incidents())
        self.seen.measured["heartbeat"] = f"{self.heartbeat.title}, monitor {self.heartbeat.monitor}"
        try:
            is_down = self._await_down()
            down = time.monotonic()
            for contact in self.heartbeat.contacts if is_down else ():
                self._await_contact(contact, down)
        finally:
            # Whatever has happened, also Ctrl-C: nothing that alarms is left.
            send_heartbeat(self.heartbeat.job, self.heartbeat.url)
        if is_down:
            self._await_end()

    def _await_down(self) -> bool:
        begin, allowed = time.monotonic(), self._scale(self.heartbeat.allowed_seconds)
        is_down = self._wait(lambda: self._read_status() == "DOWN", begin + allowed + LATEST_SECONDS)
        seconds = time.monotonic() - begin
        if is_down:
            self.seen.measured["monitor down"] = (
                f"{seconds:.1f} s after this began; declared: at most {allowed:g} s after the last signal"
            )
            return True
        if run := self._find_run():
            raise Failure(
                f"The job {self.heartbeat.job} ran at {run:%H:%M} UTC, so that its heartbeat did not lapse.",
                "keep it from running meanwhile, and run this again.",
            )
        self.seen.problems.append(
            f"the heartbeat {self.heartbeat.title} is not down {seconds:.0f} s after this began; declared: "
            f"at most {allowed:g} s after the last signal"
        )
        return False

    def _await_contact(self, contact: HeartbeatContact, down: float) -> None:
        """Wait until a contact is told that the monitor is down, since `down` by this machine's clock."""
        declared = self._scale(contact.delay_seconds)
        deadline = down + declared + LATEST_SECONDS
        incident = self._wait(self._find_incident, deadline)
        self.down_at = incident.startedAt if incident else self.down_at
        alert = self._wait(lambda: self._find_alert(incident, contact.name) if incident else None, deadline)
        if not alert:
            self.seen.problems.append(
                f"the heartbeat {self.heartbeat.title} was down, and UptimeRobot did not tell {contact.name} "
                f"within {declared + LATEST_SECONDS:g} s"
            )
            return
        seconds = _since(self.down_at, alert.timestamp)
        how = f"{seconds:.1f} s after it was down; declared: {declared:g} s"
        self.seen.measured[f"{contact.name} told"] = how
        self.seen.expect(seconds <= declared + LATEST_SECONDS, f"UptimeRobot told {contact.name} {how}")
        if service := self.pagers.get(contact.name):
            self._await_call(contact, service, deadline)

    def _await_call(self, contact: HeartbeatContact, service: str, deadline: float) -> None:
        page = self._wait(lambda: next(self._list_pages(service), None), deadline)
        people = [printable(one.assignee.summary) for one in page.assignments] if page else []
        self.seen.expect(people, f"UptimeRobot told {contact.name}, and PagerDuty calls nobody")
        if page:
            self.paged[contact.name] = service
            seconds = max(0.0, _since(self.down_at, page.created_at))
            self.seen.measured[f"{contact.name}, called"] = (
                f"{', '.join(people) or 'nobody'}, {seconds:.0f} s after it was down; incident {page.id}"
            )

    def _await_end(self) -> None:
        """Wait until the monitor is up, and PagerDuty's incidents are over."""
        begin = time.monotonic()
        is_up = self._wait(lambda: self._read_status() == "UP", begin + LATEST_SECONDS)
        self.seen.measured["monitor up again"] = (
            f"{time.monotonic() - begin:.1f} s after the next signal" if is_up else "no"
        )
        self.seen.expect(
            is_up,
            f"the heartbeat {self.heartbeat.title} is not up {LATEST_SECONDS:g} s after a signal; run the "
            f"job {self.heartbeat.job}",
        )
        for name, service in self.paged.items():
            is_over = self._wait(
                lambda service=service: all(one.status == "resolved" for one in self._list_pages(service)),
                begin + LATEST_SECONDS,
            )
            self.seen.expect(
                is_over, f"the incident of {name} at PagerDuty is open {LATEST_SECONDS:g} s after the signal"
            )

    def _wait(self, find: Callable[[], _T | None], deadline: float) -> _T | None:
        """Look until there is something, and once at least; a vendor that is out for a moment is asked on."""
        while True:
            trouble: Failure | None = None
            try:
                if found := find():
                    return found
            except Failure as failure:
                trouble = failure
            if time.monotonic() > deadline:
                if trouble:
                    raise trouble
                return None
            time.sleep(max(_SHORTEST_POLL_SECONDS, self._scale(_POLL_SECONDS)))

    def _scale(self, seconds: float) -> float:
        return seconds / self.speed

    def _read_status(self) -> str:
        monitor = uptimerobot.read_monitor(self.apis.uptimerobot, self.heartbeat.monitor)
        return monitor.status if monitor else ""

    def _list_incidents(self) -> list[uptimerobot.MonitorOutage]:
        since = self.began - _CLOCKS_DIFFER
        return uptimerobot.list_incidents(self.apis.uptimerobot, self.heartbeat.monitor, since=since)

    def _find_incident(self) -> uptimerobot.MonitorOutage | None:
        return next((one for one in self._list_incidents() if one.id not in self.known), None)

    def _find_alert(self, incident: uptimerobot.MonitorOutage, contact: str) -> uptimerobot.SentAlert | None:
        sent = uptimerobot.list_sent_alerts(self.apis.uptimerobot, incident.id)
        return next((one for one in sent if (one.recipientName, one.status) == (contact, "SUCCESS")), None)

    def _list_pages(self, service: str) -> Iterator[pagerduty.PagerDutyIncident]:
        """Yield the incidents since the monitor is down: Sentry, which misses the job too, pages earlier."""
        since = self.down_at - _CLOCKS_OF_VENDORS_DIFFER
        for page in pagerduty.list_incidents(self.apis.pagerduty, since=since):
            if page.service.id == service and page.created_at >= since and self.heartbeat.title in page.title:
                yield page

    def _find_run(self) -> datetime | None:
        """Return when the job has checked in at Sentry since this began; None if nobody knows of it."""
        errors = self.platform.settings.errors
        runs = [
            environment.lastCheckIn
            for cron in (list_crons(self.apis.sentry, errors.organization) if errors else ())
            for environment in cron.environments
            if cron.name == self.heartbeat.title and environment.lastCheckIn
        ]
        return next((run for run in runs if run > self.began), None)


def _since(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds()
