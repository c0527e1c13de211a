"""When a bucket expires what lies in it."""

from dataclasses import dataclass
from typing import Final

from core import vault_layout
from policies.facts.buckets import LIFECYCLE, LOCK, Buckets
from policies.framework.property_values import Absent, Known, Reading, Unknown, first
from policies.framework.rule import Parameter, Parameters, from_to
from policies.framework.stack import PolicyStack, Resource

LIVING: Final = Parameter(
    "living_prefixes",
    [vault_layout.FILES],
    {"type": "array", "items": {"type": "string", "minLength": 1}},
    "prefixes under which a key may be written again: what lies there lives as long as its source does",
)
"""The default is where this project's file backup puts its copies (core/vault_layout.py)."""

GONE: Final = Parameter(
    "gone_tags",
    [vault_layout.DELETED_AT_SOURCE_TAG[0]],
    {"type": "array", "items": {"type": "string", "minLength": 1}},
    "tags of a copy whose original is gone: under a living prefix, what has one may be hidden at once",
)
"""The default is the tag of this project's file backup (core/vault_layout.py)."""

_DAYS_PER_YEAR: Final = 365  # as S3 counts a lock's years


@dataclass(frozen=True)
class Expiry:
    """One rule of a lifecycle."""

    status: Reading
    prefix: Reading
    """The start of the keys that it is about; empty for the whole bucket."""

    is_narrowed: bool
    """Whether tags or sizes leave some of those keys out."""

    tags: frozenset[str]
    """Those that an object must have for it to be about it, as far as they are known."""

    days: Reading
    """Until a current version expires."""

    date: Reading
    noncurrent_days: Reading
    abort_days: Reading

    @property
    def is_off(self) -> bool:
        return self.status == Known("Disabled")

    def covers(self, prefix: str) -> bool:
        """Tell whether it surely is about every key that starts so."""
        match self.prefix:
            case Known(str(start)):
                return prefix.startswith(start) and not self.is_narrowed and not self.is_off
            case _:
                return False

    def hides_gone(self, limits: Parameters) -> bool:
        """Tell whether it is only about copies of what is gone, where things come and go."""
        match self.prefix:
            case Known(str(start)):
                return is_living(start, limits[LIVING.name]) and bool(self.tags & set(limits[GONE.name]))
            case _:
                return False

    def touches(self, prefix: str) -> bool:
        """Tell whether it may be about a key that starts so."""
        match self.prefix:
            case Known(str(start)):
                return prefix.startswith(start) or start.startswith(prefix)
            case _:
                return True


def lifecycles(bucket: Resource, stack: PolicyStack) -> list[tuple[Resource, list[Expiry]]]:
    """Return each resource that says when a bucket expires, with its rules; a second replaces the first."""
    found = stack.view(Buckets).configuring(bucket, LIFECYCLE, "lifecycleRules")
    return [
        (
            part,
            [_inline(rule) for rule in part.at("lifecycleRules").each()]
            if part == bucket
            else [_expiry(rule) for rule in part.at("rules").each()],
        )
        for part in found
    ]


def lock_days(bucket: Resource, stack: PolicyStack) -> float:
    """Return for how many days a new version is locked; 0 where no lock is known."""
    promised = [component.at("lockDays") for component in stack.around(bucket)]
    return max(_numbers([*promised, *locks(bucket, stack)]), default=0)


def locks(bucket: Resource, stack: PolicyStack) -> list[Reading]:
    """Return the days of each default retention that is declared for a bucket."""
    parts = stack.view(Buckets).configuring(bucket, LOCK, "objectLockConfiguration")
    return [retention_days(default_retention(part)) for part in parts]


def default_retention(part: Resource) -> Reading:
    """Return the default retention that a lock, or a bucket with a lock inline, declares."""
    rule = part.at("rule") if part.type == LOCK else part.at("objectLockConfiguration", "rule")
    return rule.at("defaultRetention")


def retention_days(retention: Reading) -> Reading:
    """Return a default retention in days, whether it is declared in days or years."""
    match retention.at("days"), retention.at("years"):
        case Absent(), Known(years) if from_to(0)(years):
            return Known(years * _DAYS_PER_YEAR)
        case Absent(), years:
            return years
        case days, _:
            return days


def tiers(bucket: Resource, stack: PolicyStack) -> Reading:
    """Return what the component around a vault promises: prefix -> days for which what lies there is kept."""
    promised = [component.at("tiers") for component in stack.around(bucket)]
    return first(promised)


def days_by_prefix(promised: Reading) -> dict[str, float]:
    """Return those tiers whose days are known."""
    return {prefix: days for prefix, reading in promised.items().items() for days in _numbers([reading])}


def is_living(prefix: str, living: list[str]) -> bool:
    """Tell whether what starts so is written again and again."""
    return any(prefix.startswith(start) for start in living)


def tiers_unknown(promised: Reading) -> bool:
    return isinstance(promised, Unknown) or Unknown() in promised.items().values()


def _expiry(rule: Reading) -> Expiry:
    chosen = rule.at("filter")
    both = chosen.at("and")
    prefixes = (rule.at("prefix"), chosen.at("prefix"), both.at("prefix"))
    narrowing = [
        *(chosen.at(name) for name in ("tag", "objectSizeGreaterThan", "objectSizeLessThan")),
        *(both.at(name) for name in ("tags", "objectSizeGreaterThan", "objectSizeLessThan")),
    ]
    return Expiry(
        status=rule.at("status"),
        prefix=first(prefixes, Known("")),
        is_narrowed=any(not isinstance(reading, Absent) for reading in narrowing),
        tags=frozenset([*both.at("tags").items(), *_known_text(chosen.at("tag", "key"))]),
        days=rule.at("expiration", "days"),
        date=rule.at("expiration", "date"),
        noncurrent_days=rule.at("noncurrentVersionExpiration", "noncurrentDays"),
        abort_days=rule.at("abortIncompleteMultipartUpload", "daysAfterInitiation"),
    )


def _inline(rule: Reading) -> Expiry:
    enabled = rule.at("enabled")
    states = {Known(value=True): Known("Enabled"), Known(value=False): Known("Disabled")}
    return Expiry(
        status=next((status for state, status in states.items() if state == enabled), enabled),
        prefix=first([rule.at("prefix")], Known("")),
        is_narrowed=not isinstance(rule.at("tags"), Absent),
        tags=frozenset(rule.at("tags").items()),
        days=rule.at("expiration", "days"),
        date=rule.at("expiration", "date"),
        noncurrent_days=rule.at("noncurrentVersionExpiration", "days"),
        abort_days=rule.at("abortIncompleteMultipartUploadDays"),
    )


def _known_text(reading: Reading) -> list[str]:
    return [reading.value] if isinstance(reading, Known) and isinstance(reading.value, str) else []


def _numbers(readings: list[Reading]) -> list[float]:
    return [reading.value for reading in readings if isinstance(reading, Known) and from_to(0)(reading.value)]
