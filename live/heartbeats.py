"""The heartbeats that a stack declares at UptimeRobot: how often each expects its job, and whom it tells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from live.declared import DeclaredStack, inputs_of, name_of

_MONITOR: Final = "uptimerobot:index/monitor:Monitor"
_CONTACTS: Final = (
    "uptimerobot:index/integration:Integration",
    "uptimerobot:index/alertContact:AlertContact",
)


@dataclass(frozen=True)
class HeartbeatContact:
    """A contact at UptimeRobot that a heartbeat tells."""

    id: str
    name: str
    """That of its channel."""

    delay_seconds: float
    """How long the heartbeat must be down before it is told."""


@dataclass(frozen=True)
class DeclaredHeartbeat:
    """The heartbeat of a scheduled job."""

    job: str
    monitor: str
    """Id of its monitor."""

    title: str
    interval_seconds: float
    grace_seconds: float
    contacts: tuple[HeartbeatContact, ...]
    url: str = field(repr=False)
    """Secret. Where the job's signal goes."""

    @property
    def allowed_seconds(self) -> float:
        """How long after a signal the monitor goes down unless the next one comes."""
        return self.interval_seconds + self.grace_seconds


def list_heartbeats(declared: DeclaredStack, urls: Mapping[str, str]) -> Iterator[DeclaredHeartbeat]:
    """Yield the heartbeats of a stack's jobs; `urls` is the stack's output, job -> address of its signal."""
    names = {
        str(resource.get("id")): str(inputs_of(resource).get("name"))
        for token in _CONTACTS
        for resource in declared.of_type(token)
    }
    monitors = {name_of(resource): resource for resource in declared.of_type(_MONITOR)}
    for job, url in sorted(urls.items()):
        if resource := monitors.get(f"job-{job}-heartbeat"):
            inputs = inputs_of(resource)
            yield DeclaredHeartbeat(
                job=job,
                monitor=str(resource.get("id")),
                title=str(inputs.get("name")),
                interval_seconds=float(inputs.get("interval") or 0),
                grace_seconds=float(inputs.get("gracePeriod") or 0),
                contacts=tuple(_list_contacts(inputs, names)),
                url=url,
            )


def _list_contacts(inputs: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[HeartbeatContact]:
    for assigned in inputs.get("assignedAlertContacts") or ():
        identifier = str(assigned.get("alertContactId"))
        delay = float(assigned.get("threshold") or 0) * 60
        yield HeartbeatContact(identifier, names.get(identifier, identifier), delay)
