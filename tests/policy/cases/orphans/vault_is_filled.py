from collections.abc import Sequence
from typing import Any

from case import Case
from policy_harness import ABSENT, UNKNOWN, Toy, alter, find_toy, secret


def _copying(stack: Sequence[Toy], copies: Any) -> list[Toy]:
    return alter(alter(stack, "job-database", copies=copies), "job-files", copies=copies)


CASE = Case(
    rule="vault-is-filled",
    at="backups-vault-bucket",
    weak=(
        lambda s: _copying(s, []),
        lambda s: _copying(s, [find_toy(s, "backups-replica-bucket").urn]),
    ),
    absent=(lambda s: _copying(s, ABSENT),),
    unknown=(lambda s: _copying(s, [UNKNOWN]),),
    secret=(lambda s: _copying(s, secret([find_toy(s, "backups-vault-bucket").urn])),),
    fine=(lambda s: _copying(s, [find_toy(s, "backups-vault-bucket").urn]),),
)
