from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.endpoints import FRONTEND, HEALTH, PLATFORM, deaf

CASE = Case(
    rule="monitor-route-is-independent",
    at=PLATFORM,
    weak=(
        lambda s: alter(
            deaf(s, but="alerting-operations"), "alerting-operations", value="operations@example.com"
        ),
        lambda s: alter(
            deaf(s, but="alerting-automation"), "alerting-automation", value="https://hooks.example.com/x"
        ),
        lambda s: alter(
            deaf(s, but="alerting-automation"),
            "alerting-automation",
            type="mattermost",
            value="https://chat.example.com/hooks/x",
        ),
        deaf,
    ),
    absent=(
        lambda s: alter(deaf(s, but="alerting-automation"), "alerting-automation", value=ABSENT),
        lambda s: alter(deaf(s, but="alerting-incidents"), "alerting-incidents", type=ABSENT),
    ),
    unknown=(
        lambda s: alter(deaf(s, but="alerting-automation"), "alerting-automation", value=UNKNOWN),
        lambda s: alter(deaf(s, but="alerting-incidents"), "alerting-incidents", type=UNKNOWN),
        lambda s: alter(
            alter(s, HEALTH, assignedAlertContacts=UNKNOWN), FRONTEND, assignedAlertContacts=UNKNOWN
        ),
    ),
    secret=(
        lambda s: alter(
            deaf(s, but="alerting-operations"), "alerting-operations", value=secret("us@elsewhere.net")
        ),
        lambda s: alter(
            deaf(s, but="alerting-automation"), "alerting-automation", value=secret("https://n8n.io/x")
        ),
    ),
    fine=(
        lambda s: deaf(s, but="alerting-incidents"),
        lambda s: alter(deaf(s, but="alerting-incidents"), "alerting-incidents", value=UNKNOWN),
        lambda s: alter(deaf(s, but="alerting-operations"), "alerting-operations", value="a@notexample.com"),
    ),
)
