from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.errors import KEY, PROJECT

HOST, VARIABLES = "host-backend", "host-backend-variables"
DSN = "https://key@sentry.example.com/1"


def given(*variables: tuple[str, object]) -> list[dict[str, object]]:
    return [{"name": name, "value": value} for name, value in variables]


CASE = Case(
    rule="service-receives-its-dsn",
    at=HOST,
    weak=(
        lambda s: alter(s, VARIABLES, variables=given(("SENTRY_DSN", DSN))),
        lambda s: alter(s, VARIABLES, variables__1__name="SENTRY_URL"),
        lambda s: alter(s, HOST, errorProject="other"),
        lambda s: alter(s, HOST, errorProject=5),
        # The DSN of another service's project.
        lambda s: alter(s, HOST, errorProject="frontend"),
    ),
    absent=(
        lambda s: without(s, VARIABLES),
        lambda s: alter(s, HOST, errorProject=ABSENT),
        lambda s: without(s, KEY),
        lambda s: without(s, PROJECT),
    ),
    unknown=(
        lambda s: alter(s, HOST, errorProject=UNKNOWN),
        lambda s: alter(s, VARIABLES, variables=UNKNOWN),
        lambda s: alter(s, VARIABLES, variables=given(("SENTRY_DSN", UNKNOWN))),
        lambda s: alter(alter(s, PROJECT, slug=UNKNOWN, name=ABSENT), HOST, errorProject="other"),
    ),
    secret=(
        lambda s: alter(s, HOST, errorProject=secret("backend")),
        lambda s: alter(s, VARIABLES, variables__1__value=secret(UNKNOWN)),
    ),
    fine=(
        lambda s: alter(s, VARIABLES, variables__1__name="NEXT_PUBLIC_SENTRY_DSN"),
        lambda s: without(s, HOST, VARIABLES),
    ),
)
