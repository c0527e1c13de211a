"""Who is called: schedules and escalation policies at PagerDuty."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints

from components.settings.model import SettingsModel, Slug

Person = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
"""E-mail of somebody who has an account at PagerDuty, spelled as there."""

_TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d:00$")]


def _check_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        raise ValueError("must be a time zone, such as Etc/UTC or Europe/Berlin") from None
    return zone


def _check_instant(text: str) -> str:
    try:
        has_offset = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        has_offset = False
    if not (has_offset and text.endswith("Z")):
        raise ValueError('must be an instant in UTC, such as "2026-01-05T08:00:00Z"')
    return text


class DutyHours(SettingsModel):
    """Hours of each day, or of one weekday, in the schedule's time zone."""

    weekday: Annotated[int, Field(ge=1, le=7)] | None = None
    """1 is Monday; without one the hours are those of every day."""

    time: _TimeOfDay
    """Start, HH:mm:00."""

    hours: Annotated[int, Field(ge=1, le=168)]


class RotationSettings(SettingsModel):
    """A layer of a schedule: people who take turns."""

    people: Annotated[tuple[Person, ...], Field(min_length=1)]
    starts: Annotated[str, AfterValidator(_check_instant)]
    """When the first of them began; each handover is at this time of day."""

    turn_hours: Annotated[int, Field(ge=1, le=8_760)] = 168
    only: tuple[DutyHours, ...] = ()
    """When it holds; without any, always."""


class ScheduleSettings(SettingsModel):
    """Who is on call when. A later layer goes before an earlier one."""

    time_zone: Annotated[str, AfterValidator(_check_zone)] = "Etc/UTC"
    layers: Annotated[tuple[RotationSettings, ...], Field(min_length=1)]


class LevelSettings(SettingsModel):
    """Whom a level calls, all at once."""

    schedules: tuple[Slug, ...] = ()
    people: tuple[Person, ...] = ()
    minutes: Annotated[int, Field(ge=1, le=1_440)]
    """How long it waits for an acknowledgement before the next level is called."""


class EscalationSettings(SettingsModel):
    """Levels that are called one after the other until somebody acknowledges."""

    levels: Annotated[tuple[LevelSettings, ...], Field(min_length=1)]
    repeats: Annotated[int, Field(ge=0, le=9)] = 2
    """How often it begins anew after the last level."""

    acknowledged_minutes: Annotated[int, Field(ge=1, le=1_440)] | None = 30
    """After this time an acknowledged incident that is still open calls again; None is never."""


class OncallSettings(SettingsModel):
    """The block `bulwark:oncall`. A channel of the type pagerduty names its escalation policy."""

    schedules: dict[Slug, ScheduleSettings] = Field(default_factory=dict)
    escalations: Annotated[dict[Slug, EscalationSettings], Field(min_length=1)]

    def list_people(self) -> list[str]:
        """Return everybody who can be called, each once."""
        layers = (layer for schedule in self.schedules.values() for layer in schedule.layers)
        levels = (level for one in self.escalations.values() for level in one.levels)
        return sorted({person for group in (*layers, *levels) for person in group.people})


def rules(oncall: OncallSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    return list(_find_problems(oncall))


def _find_problems(oncall: OncallSettings) -> Iterator[tuple[str, str]]:
    known = ", ".join(oncall.schedules) or "none"
    used: set[str] = set()
    for name, escalation in oncall.escalations.items():
        for number, level in enumerate(escalation.levels):
            used |= set(level.schedules)
            path = f"escalations.{name}.levels.{number}"
            if not level.schedules and not level.people:
                yield path, "calls nobody; name schedules or people"
            for schedule in level.schedules:
                if schedule not in oncall.schedules:
                    yield f"{path}.schedules", f"{schedule}; no such schedule, there are: {known}"
    for name in oncall.schedules.keys() - used:
        yield f"schedules.{name}", "is in no escalation policy, so it would never call anybody"
    yield from _check_hours(oncall)


def _check_hours(oncall: OncallSettings) -> Iterator[tuple[str, str]]:
    for name, schedule in oncall.schedules.items():
        for number, layer in enumerate(schedule.layers):
            for hours in layer.only:
                if hours.weekday is None and hours.hours >= 24:
                    where = f"schedules.{name}.layers.{number}.only"
                    yield where, f"{hours.hours} h of every day; leave `only` out, or name a weekday"


def check_use(oncall: OncallSettings, used: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the problems between escalation policies and their users: channel -> escalation policy."""
    known = ", ".join(oncall.escalations)
    for name, escalation in used.items():
        if escalation not in oncall.escalations:
            path = f"alerting.channels.{name}.escalation"
            yield path, f"{escalation}; no such escalation policy, there are: {known}"
    for name in oncall.escalations:
        if name not in used.values():
            yield f"oncall.escalations.{name}", "is used by no channel, so it would never call anybody"
