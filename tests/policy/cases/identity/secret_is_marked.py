from case import Case
from policy_harness import UNKNOWN, alter, secret

from cases.identity import extra

CASE = Case(
    rule="secret-is-marked",
    at="alerting-incidents",
    weak=(
        lambda s: alter(s, "alerting-incidents", value="hidden"),
        lambda s: alter(s, "alerting-incidents", customHeaders={"authorization": "hidden"}),
    ),
    absent=(),
    unknown=(lambda s: alter(s, "alerting-incidents", value=UNKNOWN),),
    secret=(lambda s: alter(s, "alerting-incidents", value=secret(UNKNOWN)),),
    fine=(
        extra("aws:ssm/parameter:Parameter", type="String", value="eu-west-1"),
        extra("mongodbatlas:index/databaseUser:DatabaseUser", username="a", password=secret("hidden")),
        # Of a type whose schema marks nothing, a name alone says nothing.
        extra("acme:index/user:User", password="hidden"),
    ),
)
