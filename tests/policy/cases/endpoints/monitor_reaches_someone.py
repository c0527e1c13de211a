from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.endpoints import deaf

CASE = Case(
    rule="monitor-reaches-someone",
    at="job-database-heartbeat",
    weak=(
        deaf,
        lambda s: alter(s, "job-database-heartbeat", assignedAlertContacts=[]),
        lambda s: alter(s, "job-database-heartbeat", assignedAlertContacts=[{"alertContactId": "4711"}]),
    ),
    absent=(
        lambda s: alter(s, "job-database-heartbeat", assignedAlertContacts=ABSENT),
        lambda s: without(
            s, "alerting-operations", "alerting-incidents", "alerting-oncall", "alerting-automation"
        ),
        lambda s: alter(deaf(s), "alerting-operations", isActive=ABSENT),
        lambda s: alter(deaf(s, but="alerting-operations"), "alerting-operations", notificationEvents=ABSENT),
        lambda s: alter(deaf(s), "alerting-incidents", enableNotificationsFor=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, "job-database-heartbeat", assignedAlertContacts=UNKNOWN),
        lambda s: alter(s, "job-database-heartbeat", assignedAlertContacts=[UNKNOWN]),
        lambda s: alter(deaf(s), "alerting-operations", isActive=UNKNOWN),
        lambda s: alter(deaf(s), "alerting-incidents", enableNotificationsFor=UNKNOWN),
    ),
    secret=(
        lambda s: alter(deaf(s), "alerting-operations", isActive=secret(value=True)),
        lambda s: alter(deaf(s), "alerting-incidents", enableNotificationsFor=secret(2)),
    ),
    fine=(
        lambda s: deaf(s, but="alerting-operations"),
        lambda s: deaf(s, but="alerting-incidents"),
        lambda s: alter(s, "alerting-operations", notificationEvents="down"),
    ),
)
