"""The rules about what is declared and serves nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from case import Case
from policy_harness import ABSENT, UNKNOWN, Toy, altered, named, secret, without

_ALERT = "errors-down-alert"
_MONITORS = ("uptime-frontend", "uptime-health", "uptime-version")
_NO_STORE = "urn:pulumi:prod::bulwark::aws:s3/bucketPolicy:BucketPolicy::backups-vault-policy"


def _unnamed(stack: Sequence[Toy], contact: str) -> list[Toy]:
    """Take a contact out of every monitor."""
    return [
        replace(toy, made_from={**toy.made_from, "assignedAlertContacts": left})
        if (left := [name for name in toy.made_from.get("assignedAlertContacts", []) if name != contact])
        else toy
        for toy in stack
    ]


def _copying(stack: Sequence[Toy], copies: Any) -> list[Toy]:
    return altered(altered(stack, "job-database", copies=copies), "job-files", copies=copies)


CASES = (
    Case(
        rule="job-protects-something",
        at="job-database",
        weak=(
            lambda s: altered(s, "job-database", protects=[]),
            lambda s: altered(s, "job-database", protects=[_NO_STORE]),
            lambda s: altered(s, "job-database", protects=[named(s, "database-project").urn, _NO_STORE]),
            lambda s: altered(s, "job-database", drills=["database"]),
            lambda s: without(s, "database-project"),
        ),
        absent=(
            lambda s: altered(s, "job-database", protects=ABSENT),
            lambda s: altered(s, "job-database", protects=ABSENT, drills=ABSENT),
        ),
        unknown=(lambda s: altered(s, "job-database", protects=[UNKNOWN]),),
        secret=(lambda s: altered(s, "job-database", protects=secret([named(s, "database-project").urn])),),
        fine=(lambda s: altered(s, "job-database", drills=[named(s, "files").urn]),),
    ),
    Case(
        rule="vault-is-filled",
        at="backups-vault-bucket",
        weak=(
            lambda s: _copying(s, []),
            lambda s: _copying(s, [named(s, "backups-replica-bucket").urn]),
        ),
        absent=(lambda s: _copying(s, ABSENT),),
        unknown=(lambda s: _copying(s, [UNKNOWN]),),
        secret=(lambda s: _copying(s, secret([named(s, "backups-vault-bucket").urn])),),
        fine=(lambda s: _copying(s, [named(s, "backups-vault-bucket").urn]),),
    ),
    Case(
        rule="monitor-watches-something",
        at="uptime-version",
        weak=(
            lambda s: altered(s, "uptime-version", url="https://old.example.com/api/version"),
            lambda s: altered(s, "uptime-version", url="https://[::/"),
            lambda s: altered(s, "uptime-version", type="HEARTBEAT"),
            lambda s: altered(s, "uptime-version", isPaused=True),
        ),
        absent=(
            lambda s: altered(s, "uptime-version", url=ABSENT),
            lambda s: altered(s, "uptime-version", isPaused=ABSENT),
            lambda s: altered(s, "example", endpoints=[]),
        ),
        unknown=(
            lambda s: altered(s, "uptime-version", url=UNKNOWN),
            lambda s: altered(s, "uptime-version", isPaused=UNKNOWN),
            lambda s: altered(s, "example", endpoints__0__url=UNKNOWN),
        ),
        secret=(
            lambda s: altered(s, "uptime-version", url=secret("https://api.example.com/")),
            lambda s: altered(s, "uptime-version", isPaused=secret(value=False)),
        ),
        fine=(
            lambda s: altered(s, "uptime-version", url="https://API.example.com:443/api/version"),
            lambda s: altered(s, "uptime-version", url="api.example.com", type="PORT"),
        ),
    ),
    Case(
        rule="alert-listens-to-something",
        at=_ALERT,
        weak=(
            lambda s: altered(s, _ALERT, monitorIds=[]),
            lambda s: altered(s, _ALERT, monitorIds=[""]),
        ),
        absent=(lambda s: altered(s, _ALERT, monitorIds=ABSENT),),
        unknown=(lambda s: altered(s, _ALERT, monitorIds=UNKNOWN),),
        secret=(lambda s: altered(s, _ALERT, monitorIds=[secret("4711")]),),
        fine=(
            lambda s: altered(s, _ALERT, monitorIds=["4711"]),
            lambda s: altered(s, _ALERT, monitorIds=["", UNKNOWN]),
        ),
    ),
    Case(
        rule="contact-is-told",
        at="alerting-operations",
        weak=(
            lambda s: _unnamed(s, "alerting-operations"),
            lambda s: altered(s, "alerting-operations", isActive=False),
            lambda s: altered(s, "alerting-operations", notificationEvents="up"),
        ),
        absent=(
            lambda s: altered(s, "alerting-operations", isActive=ABSENT),
            lambda s: without(
                s, *_MONITORS, *(f"job-{job}-heartbeat" for job in ("database", "files", "drill"))
            ),
        ),
        unknown=(
            lambda s: altered(
                _unnamed(s, "alerting-operations"),
                "uptime-health",
                assignedAlertContacts=[{"alertContactId": UNKNOWN}],
            ),
            lambda s: altered(s, "alerting-operations", isActive=UNKNOWN),
        ),
        secret=(lambda s: altered(s, "alerting-operations", isActive=secret(value=True)),),
        fine=(lambda s: altered(s, "alerting-operations", notificationEvents="down"),),
    ),
)
