from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.errors import PROJECT, PROTECTION

CASE = Case(
    rule="error-project-has-spike-protection",
    at=PROJECT,
    weak=(
        lambda s: alter(s, PROTECTION, enabled=False),
        lambda s: alter(s, PROTECTION, project="frontend"),
    ),
    absent=(lambda s: without(s, PROTECTION), lambda s: alter(s, PROTECTION, enabled=ABSENT)),
    unknown=(
        lambda s: alter(s, PROTECTION, enabled=UNKNOWN),
        lambda s: alter(s, PROTECTION, project=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, PROTECTION, enabled=secret(value=True)),
        lambda s: alter(s, PROTECTION, project=secret("backend")),
    ),
    fine=(lambda s: alter(s, PROTECTION, project="backend"),),
)
