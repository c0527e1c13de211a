"""Lifecycles and locks of buckets: when objects expire, and how long they are kept."""

from dataclasses import dataclass
from typing import Final

from core import vault_layout
from policies.facts.buckets import LIFECYCLE, LOCK, Buckets
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown, first_present
from policies.framework.rule import Parameter, Parameters, in_range
from policies.framework.stack import PolicyStack, Resource

LIVING_PREFIXES: Final = Parameter(
    "living_prefixes",
    [vault_layout.FILES],
    {"type": "array", "items": {"type": "string", "minLength": 1}},
    "prefixes under which a key may be written again: what lies there lives as long as its source does",
    looser="more",
)
"""The default is the prefix of this project's file backups (core/vault_layout.py)."""

GONE_TAGS: Final = Parameter(
    "gone_tags",
    [vault_layout.DELETED_AT_SOURCE_TAG[0]],
    {"type": "array", "items": {"type": "string", "minLength": 1}},
    "tags of a copy whose original is gone: under a living prefix, what has one may be hidden at once",
    looser="more",
)
"""The default is the tag of this project's file backups (core/vault_layout.py)."""

_DAYS_PER_YEAR: Final = 365  # as S3 counts a lock's years


@dataclass(frozen=True)
class LifecycleRule:
    """One rule of a bucket's lifecycle."""

    status: PropertyValue
    prefix: PropertyValue
    """Prefix of the keys that the rule covers; empty for the whole bucket."""

    is_narrowed: bool
    """Whether a filter by tags or sizes excludes some of those keys."""

    tags: frozenset[str]
    """Names of the tags in the filter, as far as they are known."""

    days: PropertyValue
    """Days until a current version expires."""

    date: PropertyValue
    noncurrent_days: PropertyValue
    abort_days: PropertyValue

    @property
    def is_off(self) -> bool:
        return self.status == Known("Disabled")

    def covers(self, prefix: str) -> bool:
        """Tell whether the rule certainly covers every key with this prefix."""
        match self.prefix:
            case Known(str(start)):
                return prefix.startswith(start) and not self.is_narrowed and not self.is_off
            case _:
                return False

    def is_for_deleted_sources(self, limits: Parameters) -> bool:
        """Tell whether the rule only covers copies whose original was deleted, under a living prefix."""
        match self.prefix:
            case Known(str(start)):
                living = is_living(start, limits[LIVING_PREFIXES.name])
                return living and bool(self.tags & set(limits[GONE_TAGS.name]))
            case _:
                return False

    def may_cover(self, prefix: str) -> bool:
        """Tell whether the rule may cover a key with this prefix."""
        match self.prefix:
            case Known(str(start)):
                return prefix.startswith(start) or start.startswith(prefix)
            case _:
                return True


def lifecycles_of(bucket: Resource, stack: PolicyStack) -> list[tuple[Resource, list[LifecycleRule]]]:
    """Return the resources that configure a bucket's lifecycle, with their rules. At S3 the last one wins."""
    parts = stack.view(Buckets).parts_or_inline(bucket, LIFECYCLE, "lifecycleRules")
    return [
        (
            part,
            [_parse_inline_rule(rule) for rule in part.at("lifecycleRules").each()]
            if part == bucket
            else [_parse_rule(rule) for rule in part.at("rules").each()],
        )
        for part in parts
    ]


def lock_days(bucket: Resource, stack: PolicyStack) -> float:
    """Return how many days a new version is locked; 0 without a known lock."""
    promised = [component.at("lockDays") for component in stack.ancestors(bucket)]
    return max(_known_numbers([*promised, *lock_periods(bucket, stack)]), default=0)


def lock_periods(bucket: Resource, stack: PolicyStack) -> list[PropertyValue]:
    """Return the days of each default retention of a bucket."""
    parts = stack.view(Buckets).parts_or_inline(bucket, LOCK, "objectLockConfiguration")
    return [retention_days(default_retention(part)) for part in parts]


def default_retention(part: Resource) -> PropertyValue:
    """Return the default retention of a lock, or of a bucket with an inline lock."""
    rule = part.at("rule") if part.type == LOCK else part.at("objectLockConfiguration", "rule")
    return rule.at("defaultRetention")


def retention_days(retention: PropertyValue) -> PropertyValue:
    """Return the days of a default retention that is declared in days or years."""
    match retention.at("days"), retention.at("years"):
        case Absent(), Known(years) if in_range(0)(years):
            return Known(years * _DAYS_PER_YEAR)
        case Absent(), years:
            return years
        case days, _:
            return days


def promised_tiers(bucket: Resource, stack: PolicyStack) -> PropertyValue:
    """Return the tiers that the component around a vault promises: prefix -> days that backups are kept."""
    return first_present(component.at("tiers") for component in stack.ancestors(bucket))


def days_by_prefix(promised: PropertyValue) -> dict[str, float]:
    """Return the tiers with known days."""
    return {prefix: days for prefix, value in promised.items().items() for days in _known_numbers([value])}


def is_living(prefix: str, living: list[str]) -> bool:
    """Tell whether keys with this prefix may be written again."""
    return any(prefix.startswith(start) for start in living)


def has_unknown_tiers(promised: PropertyValue) -> bool:
    return isinstance(promised, Unknown) or Unknown() in promised.items().values()


def _parse_rule(rule: PropertyValue) -> LifecycleRule:
    single = rule.at("filter")
    combined = single.at("and")
    prefixes = (rule.at("prefix"), single.at("prefix"), combined.at("prefix"))
    narrowing = [
        *(single.at(name) for name in ("tag", "objectSizeGreaterThan", "objectSizeLessThan")),
        *(combined.at(name) for name in ("tags", "objectSizeGreaterThan", "objectSizeLessThan")),
    ]
    return LifecycleRule(
        status=rule.at("status"),
        prefix=first_present(prefixes, Known("")),
        is_narrowed=any(not isinstance(value, Absent) for value in narrowing),
        tags=frozenset([*combined.at("tags").items(), *_known_text(single.at("tag", "key"))]),
        days=rule.at("expiration", "days"),
        date=rule.at("expiration", "date"),
        noncurrent_days=rule.at("noncurrentVersionExpiration", "noncurrentDays"),
        abort_days=rule.at("abortIncompleteMultipartUpload", "daysAfterInitiation"),
    )


def _parse_inline_rule(rule: PropertyValue) -> LifecycleRule:
    enabled = rule.at("enabled")
    states = {Known(value=True): Known("Enabled"), Known(value=False): Known("Disabled")}
    return LifecycleRule(
        status=next((status for state, status in states.items() if state == enabled), enabled),
        prefix=first_present([rule.at("prefix")], Known("")),
        is_narrowed=not isinstance(rule.at("tags"), Absent),
        tags=frozenset(rule.at("tags").items()),
        days=rule.at("expiration", "days"),
        date=rule.at("expiration", "date"),
        noncurrent_days=rule.at("noncurrentVersionExpiration", "days"),
        abort_days=rule.at("abortIncompleteMultipartUploadDays"),
    )


def _known_text(value: PropertyValue) -> list[str]:
    return [value.value] if isinstance(value, Known) and isinstance(value.value, str) else []


def _known_numbers(values: list[PropertyValue]) -> list[float]:
    return [value.value for value in values if isinstance(value, Known) and in_range(0)(value.value)]
