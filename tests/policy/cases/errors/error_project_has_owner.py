from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.errors import OWNERSHIP, PROJECT

CASE = Case(
    rule="error-project-has-owner",
    at=PROJECT,
    weak=(
        lambda s: alter(s, OWNERSHIP, raw=""),
        lambda s: alter(s, OWNERSHIP, raw="# path:server/** #platform\n"),
        lambda s: alter(s, OWNERSHIP, raw="path:server/**"),
        lambda s: alter(s, OWNERSHIP, fallthrough=False),
    ),
    absent=(
        lambda s: without(s, OWNERSHIP),
        lambda s: alter(s, OWNERSHIP, raw=ABSENT),
        lambda s: alter(s, OWNERSHIP, fallthrough=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, OWNERSHIP, raw=UNKNOWN),
        lambda s: alter(s, OWNERSHIP, fallthrough=UNKNOWN),
        lambda s: alter(s, OWNERSHIP, project=UNKNOWN),
    ),
    secret=(lambda s: alter(s, OWNERSHIP, raw=secret("path:server/** #platform")),),
    fine=(lambda s: alter(s, OWNERSHIP, raw="# ours\n*.py us@example.com\n"),),
)
