"""
Random edits of recorded production: whatever a reference finds harmful, a rule refuses.

The references know nothing of the rules: the arithmetic of a lifecycle and of a schedule, and the twin's
evaluation of AWS's policies.
"""

import copy
import json
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_harness import Toy, alter, find_toy, find_violations, production

from policies.rules import RULES, vaults
from twin.aws.policy import Decision, Principal, RequiredPermission, evaluate

FEW: Final = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ACCOUNT: Final = "123456789012"
BUCKET: Final = f"arn:aws:s3:::example-vault-{ACCOUNT}-eu-west-1"
BREAK_GLASS: Final = f"arn:aws:iam::{ACCOUNT}:role/example-break-glass"


@cache
def recorded() -> tuple[Toy, ...]:
    return tuple(production())


def refuses(stack: list[Toy], rules: Any = vaults.RULES) -> bool:
    return bool(find_violations(stack, rules))


# Lifecycles

TIERS: Final = {
    prefix: int(days) for prefix, days in find_toy(production(), "backups-vault").inputs["tiers"].items()
}
"""Prefix -> for how many days what lies there can be read."""

LIVING: Final = "files/"
"""What lies there stays as long as its source has it."""

_PREFIXES: Final = [
    "",
    "d",
    "database/",
    "database/daily/",
    "database/daily/orders/",
    "files/",
    "fil",
    "state/",
]
_DAYS: Final = st.integers(1, 500)


@st.composite
def lifecycle_edits(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return the rules of the vault's lifecycle after one to three edits."""
    rules = copy.deepcopy(find_toy(recorded(), "backups-vault-lifecycle").inputs["rules"])
    for _ in range(draw(st.integers(1, 3))):
        rule = draw(st.sampled_from(rules))
        match draw(st.sampled_from(["days", "versions", "prefix", "status", "added", "tags"])):
            case "days":
                rule["expiration"] = {"days": draw(_DAYS)}
            case "versions":
                rule["noncurrentVersionExpiration"] = {"noncurrentDays": draw(st.integers(1, 90))}
            case "prefix":
                rule["filter"] = {"prefix": draw(st.sampled_from(_PREFIXES))}
            case "status":
                rule["status"] = draw(st.sampled_from(["Enabled", "Disabled"]))
            case "tags":
                rule["filter"] = {"and": {"prefix": draw(st.sampled_from(_PREFIXES)), "tags": {"team": "a"}}}
            case _:
                added: dict[str, Any] = {
                    "id": f"added-{len(rules)}",
                    "status": "Enabled",
                    "filter": {"prefix": draw(st.sampled_from(_PREFIXES))},
                    "expiration": {"days": draw(_DAYS)},
                }
                rules.append(added)
    return rules


def _covers(rule: dict[str, Any], key: str) -> bool:
    narrowed = rule["filter"].get("and", {})
    prefix = narrowed.get("prefix", rule["filter"].get("prefix", ""))
    return rule["status"] == "Enabled" and key.startswith(prefix) and not narrowed.get("tags")


def find_lost_tier(rules: list[dict[str, Any]]) -> str:
    """Return a prefix whose untagged copies are lost or hidden before their time; else ""."""
    for prefix, kept in TIERS.items():
        for key in (f"{prefix}orders/1", f"{prefix}1"):
            covering = [rule for rule in rules if _covers(rule, key)]
            ages = [rule["expiration"]["days"] for rule in covering if "days" in rule.get("expiration", {})]
            versions = [
                rule["noncurrentVersionExpiration"]["noncurrentDays"]
                for rule in covering
                if "noncurrentVersionExpiration" in rule
            ]
            if prefix == LIVING and (ages or min(versions, default=kept) < kept):
                return prefix
            if prefix != LIVING and min(ages, default=kept) < kept:
                return prefix
    return ""


def test_the_reference_finds_no_harm_in_the_recorded_lifecycle() -> None:
    assert find_lost_tier(find_toy(recorded(), "backups-vault-lifecycle").inputs["rules"]) == ""


@given(rules=lifecycle_edits())
@FEW
def test_a_lifecycle_that_loses_a_copy_before_its_time_is_refused(rules: list[dict[str, Any]]) -> None:
    if lost := find_lost_tier(rules):
        stack = alter(recorded(), "backups-vault-lifecycle", rules=rules)
        assert refuses(stack), lost


# Schedules


@st.composite
def schedules(draw: st.DrawFn) -> tuple[str, float]:
    """Return a cron line, and the longest time between two of its runs in three years, in hours."""
    hours = sorted(draw(st.sets(st.integers(0, 23), min_size=1, max_size=3)))
    days = draw(st.none() | st.sets(st.integers(1, 31), min_size=1, max_size=29))
    months = draw(st.none() | st.sets(st.integers(1, 12), min_size=1, max_size=11))
    weekdays = draw(st.none() | st.sets(st.integers(0, 6), min_size=1, max_size=6))
    fields = [",".join(map(str, sorted(one))) if one else "*" for one in (days, months, weekdays)]
    runs: list[float] = []
    first = date(2027, 1, 1)
    for number in range(3 * 366):
        day = first + timedelta(days=number)
        by_day, by_weekday = day.day in (days or ()), (day.weekday() + 1) % 7 in (weekdays or ())
        # With both, either is enough (crontab(5)).
        fits = (
            (by_day or by_weekday)
            if days and weekdays
            else (not days or by_day) and (not weekdays or by_weekday)
        )
        if fits and (not months or day.month in months):
            runs += [number * 24 + hour for hour in hours]
    gap = max((later - earlier for earlier, later in pairwise(runs)), default=float("inf"))
    return f"17 {','.join(map(str, hours))} {' '.join(fields)}", gap


@given(schedule=schedules())
@FEW
def test_a_schedule_that_lets_more_be_lost_than_the_objective_is_refused(schedule: tuple[str, float]) -> None:
    line, gap = schedule
    if gap > 27:
        stack = alter(recorded(), "job-database", schedule=line)
        (rule,) = [one for one in RULES if one.id == "store-loss-is-within-objective"]
        assert refuses(stack, [rule]), line


# Policies of buckets

_GUARDED: Final = (
    ("s3:DeleteObjectVersion", f"{BUCKET}/database/daily/orders/1"),
    ("s3:DeleteObject", f"{BUCKET}/manifests/database/orders/1"),
    ("s3:BypassGovernanceRetention", f"{BUCKET}/state/1"),
    ("s3:PutObjectRetention", f"{BUCKET}/files/objects/uploads/a/b"),
    ("s3:PutLifecycleConfiguration", BUCKET),
    ("s3:PutBucketPolicy", BUCKET),
    ("s3:DeleteBucketPolicy", BUCKET),
    ("s3:PutBucketVersioning", BUCKET),
    ("s3:PutBucketObjectLockConfiguration", BUCKET),
    ("s3:PutReplicationConfiguration", BUCKET),
)
_ROLES: Final = (
    "example-backup-writer",
    "example-deployer",
    "example-break-glass-2",
    "Example-Break-Glass",
    "operations/example-break-glass",
    "anybody",
)
_STRANGER: Final = Principal("AWS", "arn:aws:iam::999999999999:role/example-break-glass", "999999999999", "")
_WHO: Final = [
    *(Principal("AWS", f"arn:aws:iam::{ACCOUNT}:role/{name}", ACCOUNT, "") for name in _ROLES),
    _STRANGER,
]
_TEXTS: Final = st.sampled_from(
    [
        BREAK_GLASS,
        f"arn:aws:iam::{ACCOUNT}:role/example-*",
        f"arn:aws:iam::{ACCOUNT}:role/example-break-glas?",
        f"arn:aws:iam::{ACCOUNT}:role/*",
        "arn:aws:iam::*:role/example-break-glass",
        f"arn:aws:iam::{ACCOUNT}:role/EXAMPLE-break-glass",
        "*",
    ]
)


@st.composite
def guards(draw: st.DrawFn) -> str:
    """Return the vault's policy with its guard, or a statement beside it, changed."""
    document = json.loads(find_toy(recorded(), "backups-vault-policy").inputs["policy"])
    (guard,) = [one for one in document["Statement"] if one["Sid"] == "OnlyBreakGlass"]
    for _ in range(draw(st.integers(1, 2))):
        match draw(
            st.sampled_from(["actions", "resources", "condition", "operator", "principal", "effect", "added"])
        ):
            case "actions":
                actions = [action for action, _ in _GUARDED]
                guard["Action"] = draw(
                    st.sampled_from(
                        [
                            "s3:*",
                            "s3:Delete*",
                            ["s3:Put*", "s3:Delete*", "s3:BypassGovernanceRetention"],
                            ["S3:pUT*", "s3:delete*", "s3:By*"],
                            *(actions[:number] + actions[number + 1 :] for number in range(len(actions))),
                        ]
                    )
                )
            case "resources":
                guard["Resource"] = draw(
                    st.sampled_from(
                        [
                            BUCKET,
                            f"{BUCKET}/*",
                            f"{BUCKET}*",
                            "*",
                            f"{BUCKET}/database/*",
                            [BUCKET, f"{BUCKET}/?*"],
                        ]
                    )
                )
            case "condition":
                guard["Condition"] = {
                    "ArnNotEquals": {"aws:PrincipalArn": draw(st.lists(_TEXTS, min_size=1, max_size=2))}
                }
            case "operator":
                operator = draw(
                    st.sampled_from(
                        [
                            "ArnNotLike",
                            "StringNotEquals",
                            "StringNotEqualsIgnoreCase",
                            "StringNotLike",
                            "StringNotEqualsIfExists",
                            "ArnEquals",
                            "ForAnyValue:StringNotEquals",
                        ]
                    )
                )
                guard["Condition"] = {operator: {"aws:PrincipalArn": draw(_TEXTS)}}
            case "principal":
                guard["Principal"] = draw(
                    st.sampled_from(
                        ["*", {"AWS": "*"}, {"AWS": ACCOUNT}, {"AWS": f"arn:aws:iam::{ACCOUNT}:role/anybody"}]
                    )
                )
            case "effect":
                guard["Condition"] = {**guard["Condition"], "Bool": {"aws:SecureTransport": "true"}}
            case _:
                document["Statement"].append(
                    {
                        "Sid": "Added",
                        "Effect": "Allow",
                        "Principal": draw(
                            st.sampled_from(["*", {"AWS": "999999999999"}, {"AWS": BREAK_GLASS}])
                        ),
                        "Action": draw(st.sampled_from([action for action, _ in _GUARDED])),
                        "Resource": draw(st.sampled_from([BUCKET, f"{BUCKET}/*"])),
                    }
                )
    return json.dumps(document)


def find_unguarded(policy: str) -> str:
    """Return an action that somebody besides break-glass is not denied; else ""."""
    for who in _WHO:
        for transport in ("true", "false"):
            for action, resource in _GUARDED:
                context = {
                    "aws:securetransport": transport,
                    "s3:tlsversion": "1.3",
                    "aws:principalarn": who.arn,
                }
                if (
                    evaluate(policy, RequiredPermission(action, resource, context), who)
                    is not Decision.DENIED
                ):
                    return f"{action} by {who.arn}"
    return ""


def test_the_reference_finds_nothing_unguarded_in_the_recorded_policy() -> None:
    assert find_unguarded(find_toy(recorded(), "backups-vault-policy").inputs["policy"]) == ""


@given(policy=guards())
@settings(FEW, max_examples=40)
def test_a_bucket_policy_that_lets_somebody_else_touch_a_backup_is_refused(policy: str) -> None:
    if unguarded := find_unguarded(policy):
        stack = alter(recorded(), "backups-vault-policy", policy=policy)
        assert refuses(stack), unguarded
