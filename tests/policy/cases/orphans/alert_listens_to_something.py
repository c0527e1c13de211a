from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

_ALERT = "errors-backend-check-health-alert"

CASE = Case(
    rule="alert-listens-to-something",
    at=_ALERT,
    weak=(
        lambda s: alter(s, _ALERT, monitorIds=[]),
        lambda s: alter(s, _ALERT, monitorIds=[""]),
    ),
    absent=(lambda s: alter(s, _ALERT, monitorIds=ABSENT),),
    unknown=(lambda s: alter(s, _ALERT, monitorIds=UNKNOWN),),
    secret=(lambda s: alter(s, _ALERT, monitorIds=[secret("4711")]),),
    fine=(
        lambda s: alter(s, _ALERT, monitorIds=["4711"]),
        lambda s: alter(s, _ALERT, monitorIds=["", UNKNOWN]),
    ),
)
