from collections.abc import Sequence

from case import Case
from policy_harness import ABSENT, UNKNOWN, Toy, alter, secret

from cases.endpoints import FRONTEND, HEALTH, PLATFORM

CONTACTS = "assignedAlertContacts"


def delayed(stack: Sequence[Toy], minutes: object) -> list[Toy]:
    """Return the stack with all contacts of /health told so much later."""
    return alter(stack, HEALTH, **{f"{CONTACTS}__{index}__threshold": minutes for index in range(4)})


CASE = Case(
    rule="endpoint-monitor-is-fast",
    at=PLATFORM,
    weak=(
        lambda s: alter(s, HEALTH, interval=300),
        lambda s: alter(s, FRONTEND, interval=300),
        lambda s: alter(s, HEALTH, timeout=121),
        lambda s: delayed(s, 4),
    ),
    absent=(
        lambda s: alter(s, HEALTH, interval=ABSENT),
        lambda s: alter(s, HEALTH, timeout=ABSENT),
        lambda s: alter(s, HEALTH, assignedAlertContacts=ABSENT),
        lambda s: alter(s, HEALTH, assignedAlertContacts=[{"alertContactId": "1"}]),
    ),
    unknown=(
        lambda s: alter(s, HEALTH, interval=UNKNOWN),
        lambda s: alter(s, HEALTH, timeout=UNKNOWN),
        lambda s: alter(s, HEALTH, assignedAlertContacts=UNKNOWN),
        lambda s: delayed(s, UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, HEALTH, interval=secret(60)),
        lambda s: alter(s, HEALTH, timeout=secret(30)),
        lambda s: delayed(s, secret(0)),
    ),
    fine=(
        lambda s: alter(s, HEALTH, interval=240),
        lambda s: delayed(s, 3),
        lambda s: alter(s, HEALTH, assignedAlertContacts__0__threshold=30),
    ),
)
