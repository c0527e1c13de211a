from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.errors import KEY, PROJECT

CASE = Case(
    rule="error-project-has-key",
    at=PROJECT,
    weak=(
        lambda s: alter(s, KEY, project="4711"),
        lambda s: alter(s, PROJECT, defaultKey=True),
    ),
    absent=(lambda s: without(s, KEY), lambda s: alter(s, PROJECT, defaultKey=ABSENT)),
    unknown=(
        lambda s: alter(s, PROJECT, defaultKey=UNKNOWN),
        lambda s: alter(s, KEY, project=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, KEY, project=secret("backend")),
        lambda s: alter(s, PROJECT, defaultKey=secret(value=False)),
    ),
    fine=(lambda s: alter(s, KEY, project="backend"),),
)
