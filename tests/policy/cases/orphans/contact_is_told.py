from collections.abc import Sequence
from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN, Toy, alter, secret, without

_MONITORS = ("uptime-frontend-page", "uptime-backend-health", "uptime-backend-version")


def _unnamed(stack: Sequence[Toy], contact: str) -> list[Toy]:
    """Take a contact out of every monitor."""
    return [
        replace(toy, made_from={**toy.made_from, "assignedAlertContacts": left})
        if (left := [name for name in toy.made_from.get("assignedAlertContacts", []) if name != contact])
        else toy
        for toy in stack
    ]


CASE = Case(
    rule="contact-is-told",
    at="alerting-operations",
    weak=(
        lambda s: _unnamed(s, "alerting-operations"),
        lambda s: alter(s, "alerting-operations", isActive=False),
        lambda s: alter(s, "alerting-operations", notificationEvents="up"),
    ),
    absent=(
        lambda s: alter(s, "alerting-operations", isActive=ABSENT),
        lambda s: without(
            s,
            *_MONITORS,
            *(f"job-{job}-heartbeat" for job in ("database", "files", "proof", "drill", "elsewhere")),
        ),
    ),
    unknown=(
        lambda s: alter(
            _unnamed(s, "alerting-operations"),
            "uptime-backend-health",
            assignedAlertContacts=[{"alertContactId": UNKNOWN}],
        ),
        lambda s: alter(s, "alerting-operations", isActive=UNKNOWN),
    ),
    secret=(lambda s: alter(s, "alerting-operations", isActive=secret(value=True)),),
    fine=(lambda s: alter(s, "alerting-operations", notificationEvents="down"),),
)
