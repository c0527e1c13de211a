from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.oncall import SERVICE, calmer

WAY_IN = "oncall-oncall-uptimerobot"

CASE = Case(
    rule="page-lasts-until-resolved",
    at=SERVICE,
    weak=(
        lambda s: alter(s, SERVICE, incidentUrgencyRule__urgency="low"),
        lambda s: alter(s, SERVICE, incidentUrgencyRule__urgency="severity_based"),
        lambda s: alter(s, SERVICE, incidentUrgencyRule__type="use_support_hours"),
        lambda s: alter(s, SERVICE, autoResolveTimeout="14400"),
        lambda s: alter(s, SERVICE, acknowledgementTimeout="null"),
        lambda s: alter(s, SERVICE, acknowledgementTimeout="3601"),
        lambda s: alter(s, WAY_IN, service="PABC123"),
    ),
    absent=(
        lambda s: alter(s, SERVICE, incidentUrgencyRule=ABSENT),
        lambda s: alter(s, SERVICE, autoResolveTimeout=ABSENT),
        lambda s: alter(s, SERVICE, acknowledgementTimeout=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, SERVICE, incidentUrgencyRule=UNKNOWN),
        lambda s: alter(s, SERVICE, autoResolveTimeout=UNKNOWN),
        lambda s: alter(s, SERVICE, acknowledgementTimeout=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, SERVICE, incidentUrgencyRule__urgency=secret("high")),
        lambda s: alter(s, SERVICE, autoResolveTimeout=secret("null")),
        lambda s: alter(s, SERVICE, acknowledgementTimeout=secret("60")),
    ),
    fine=(
        lambda s: alter(s, SERVICE, acknowledgementTimeout="60"),
        lambda s: alter(calmer(s), SERVICE, autoResolveTimeout="14400"),
    ),
)
