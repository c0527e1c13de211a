"""The changes of a bucket of logs that a rule about its guard has to see."""

import json
from typing import Final, NamedTuple

from case import Change
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import WHO, change, drop, inputs_of, no_statement, statement
from policies.facts.s3_access import DESTRUCTIVE_BUCKET_ACTIONS, DESTRUCTIVE_OBJECT_ACTIONS

_SID = "OnlyBreakGlass"
_ROLE = "arn:aws:iam::123456789012:role/example"


class LogGuard(NamedTuple):
    weak: tuple[Change, ...]
    absent: tuple[Change, ...]
    unknown: tuple[Change, ...]
    fine: tuple[Change, ...]


_BUT_DELIVERY: Final = [
    "Bypass",
    "Delete",
    "PutA",
    "PutB",
    "PutE",
    "PutI",
    "PutL",
    "PutObject?",
    "PutR",
    "Update",
]
"""How the actions begin that take a log away."""


def guard_of_log(log: str) -> LogGuard:
    """Return the changes of the bucket whose resources' names begin with `log`."""
    policy, versioning = f"{log}-policy", f"{log}-versioning"
    denied = next(
        each["Action"] for each in json.loads(inputs_of(policy)["policy"])["Statement"] if each["Sid"] == _SID
    )
    # Of each kind one: the cases of vault-is-guarded have all of them.
    checked = (DESTRUCTIVE_BUCKET_ACTIONS[-1], DESTRUCTIVE_OBJECT_ACTIONS[-1])

    def left_out(*arns: str) -> Change:
        return statement(policy, _SID, Condition={"ArnNotEquals": {WHO: list(arns)}})

    return LogGuard(
        weak=(
            *(statement(policy, _SID, Action=[one for one in denied if one != each]) for each in checked),
            statement(policy, _SID, Effect="Allow"),
            left_out(f"{_ROLE}-break-glass", "arn:aws:iam::123456789012:root"),
            left_out(f"{_ROLE}-break-glass", "arn:aws:iam::123456789012:role/hand"),
            statement(
                policy, _SID, Condition={"ArnNotLike": {WHO: "arn:aws:iam::*:role/example-break-glass"}}
            ),
            change(versioning, versioningConfiguration__status="Suspended"),
        ),
        absent=(
            no_statement(policy, _SID),
            drop(versioning),
            change(versioning, versioningConfiguration__status=ABSENT),
        ),
        unknown=(change(versioning, versioningConfiguration__status=UNKNOWN),),
        fine=(
            statement(policy, _SID, Condition=ABSENT),
            # But for what the services that bring the logs do: such a denial is theirs too.
            statement(policy, _SID, Action=[f"s3:{one}*" for one in _BUT_DELIVERY]),
        ),
    )
