from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

CASE = Case(
    rule="maintenance-window-is-short",
    at="uptime-maintenance",
    weak=(
        lambda s: alter(s, "uptime-maintenance", duration=61),
        lambda s: alter(s, "uptime-maintenance", autoAddMonitors=True),
    ),
    absent=(
        lambda s: alter(s, "uptime-maintenance", duration=ABSENT),
        lambda s: alter(s, "uptime-maintenance", autoAddMonitors=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, "uptime-maintenance", duration=UNKNOWN),
        lambda s: alter(s, "uptime-maintenance", autoAddMonitors=UNKNOWN),
    ),
    secret=(lambda s: alter(s, "uptime-maintenance", duration=secret(30)),),
    fine=(lambda s: alter(s, "uptime-maintenance", duration=60),),
)
