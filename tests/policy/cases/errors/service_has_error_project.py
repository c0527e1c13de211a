from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.errors import PROJECT

CASE = Case(
    rule="service-has-error-project",
    at="errors",
    weak=(
        lambda s: alter(s, "errors", services=["backend", "frontend", "worker"]),
        lambda s: alter(s, PROJECT, slug="other", name="other"),
        lambda s: alter(s, "errors", services=[]),
        lambda s: alter(s, "errors", services=["backend", "frontend", 5]),
        lambda s: alter(s, "errors", services=["backend", "backend"]),
    ),
    absent=(lambda s: without(s, PROJECT),),
    unknown=(
        lambda s: alter(s, "errors", services=UNKNOWN),
        lambda s: alter(s, "errors", services=["backend", UNKNOWN]),
        lambda s: alter(s, PROJECT, slug=UNKNOWN, name=ABSENT),
    ),
    secret=(
        lambda s: alter(s, "errors", services=[secret("backend"), "frontend"]),
        lambda s: alter(s, PROJECT, slug=secret("backend"), name=ABSENT),
    ),
    fine=(
        lambda s: alter(s, PROJECT, slug=ABSENT),
        lambda s: alter(s, PROJECT, slug="example-backend"),
        lambda s: alter(s, "errors", services=[{"name": "backend", "port": 80}, {"name": "frontend"}]),
    ),
)
