from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, with_options

COLLECTION, AT_VERCEL = "host-backend-variables", "host-frontend-vite-sentry-dsn"

CASE = Case(
    rule="host-secret-is-sensitive",
    at=COLLECTION,
    weak=(
        lambda s: alter(s, COLLECTION, variables__0__value="hidden"),
        lambda s: alter(s, COLLECTION, variables__2__name="SESSION_SECRET"),
    ),
    absent=(lambda s: with_options(s, COLLECTION, additionalSecretOutputs=[]),),
    unknown=(
        lambda s: alter(s, COLLECTION, variables=UNKNOWN),
        lambda s: alter(s, COLLECTION, variables__0__name=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, COLLECTION, variables__0__value=secret("hidden")),
        lambda s: alter(s, AT_VERCEL, sensitive=secret(value=True)),
    ),
    fine=(
        lambda s: alter(s, "host-frontend-vite-sentry-environment", sensitive=False),
        lambda s: alter(s, AT_VERCEL, sensitive=True, value=ABSENT, valueWo="hidden"),
    ),
)
