"""The rules about endpoints, and about who notices."""

from collections.abc import Sequence

from case import Case
from policy_harness import ABSENT, UNKNOWN, Toy, altered, secret, without

PLATFORM, HEALTH, FRONTEND = "example", "uptime-health", "uptime-frontend"
HEALTH_URL = "https://api.example.com/health"
CONTACTS = "assignedAlertContacts"


def deaf(stack: Sequence[Toy], *, but: str = "") -> list[Toy]:
    """Return the stack with no contact that listens, but one."""
    channels = {"alerting-automation", "alerting-incidents", "alerting-oncall"} - {but}
    if but != "alerting-operations":
        stack = altered(stack, "alerting-operations", isActive=False)
    for channel in sorted(channels):
        stack = altered(stack, channel, enableNotificationsFor=4)
    return list(stack)


def delayed(stack: Sequence[Toy], minutes: object) -> list[Toy]:
    """Return the stack with all contacts of /health told so much later."""
    return altered(stack, HEALTH, **{f"{CONTACTS}__{index}__threshold": minutes for index in range(4)})


CASES = (
    Case(
        rule="endpoint-is-published",
        at=PLATFORM,
        weak=(
            lambda s: altered(s, PLATFORM, endpoints=[]),
            lambda s: altered(s, PLATFORM, endpoints__0__url="http://api.example.com"),
            lambda s: altered(s, PLATFORM, endpoints__0__url="api.example.com"),
            lambda s: altered(s, PLATFORM, endpoints__0__critical=False),
            lambda s: altered(s, PLATFORM, endpoints__0__url=secret("http://api.example.com")),
        ),
        absent=(
            lambda s: altered(s, PLATFORM, endpoints=ABSENT),
            lambda s: altered(s, PLATFORM, endpoints__0__url=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, PLATFORM, endpoints=UNKNOWN),
            lambda s: altered(s, PLATFORM, endpoints__0=UNKNOWN),
            lambda s: altered(s, PLATFORM, endpoints__0__url=UNKNOWN),
        ),
        secret=(lambda s: altered(s, PLATFORM, endpoints__0__url=secret("https://api.example.com")),),
        fine=(lambda s: altered(s, PLATFORM, endpoints__0__url="HTTPS://API.example.com:443/v1"),),
    ),
    Case(
        rule="endpoint-has-monitor",
        at=PLATFORM,
        weak=(
            lambda s: altered(s, HEALTH, isPaused=True),
            lambda s: altered(s, HEALTH, type="PING"),
            lambda s: altered(s, HEALTH, url="https://api.example.com/"),
            lambda s: altered(s, HEALTH, url="https://other.example.com/health"),
            lambda s: altered(s, HEALTH, url="https://api.example.com:8443/health"),
            lambda s: altered(s, FRONTEND, isPaused=True),
            lambda s: altered(s, PLATFORM, endpoints__1__critical=True),
            lambda s: altered(s, PLATFORM, endpoints__1__critical=ABSENT),
            lambda s: altered(s, PLATFORM, endpoints__1__critical=UNKNOWN),
        ),
        absent=(
            lambda s: without(s, HEALTH),
            lambda s: without(s, FRONTEND),
            lambda s: altered(s, HEALTH, isPaused=ABSENT),
            lambda s: altered(s, HEALTH, url=ABSENT),
            lambda s: altered(s, HEALTH, type=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, HEALTH, isPaused=UNKNOWN),
            lambda s: altered(s, HEALTH, url=UNKNOWN),
            lambda s: altered(s, HEALTH, type=UNKNOWN),
        ),
        secret=(
            lambda s: altered(s, HEALTH, isPaused=secret(value=False)),
            lambda s: altered(s, HEALTH, url=secret(HEALTH_URL)),
            lambda s: altered(s, HEALTH, type=secret("KEYWORD")),
        ),
        fine=(
            lambda s: altered(s, HEALTH, url="https://API.example.com:443/health?deep=1"),
            lambda s: altered(s, HEALTH, type="API"),
            lambda s: without(altered(s, "uptime-version", url=HEALTH_URL), HEALTH),
        ),
    ),
    Case(
        rule="endpoint-monitor-is-fast",
        at=PLATFORM,
        weak=(
            lambda s: altered(s, HEALTH, interval=300),
            lambda s: altered(s, FRONTEND, interval=300),
            lambda s: altered(s, HEALTH, timeout=121),
            lambda s: delayed(s, 4),
        ),
        absent=(
            lambda s: altered(s, HEALTH, interval=ABSENT),
            lambda s: altered(s, HEALTH, timeout=ABSENT),
            lambda s: altered(s, HEALTH, assignedAlertContacts=ABSENT),
            lambda s: altered(s, HEALTH, assignedAlertContacts=[{"alertContactId": "1"}]),
        ),
        unknown=(
            lambda s: altered(s, HEALTH, interval=UNKNOWN),
            lambda s: altered(s, HEALTH, timeout=UNKNOWN),
            lambda s: altered(s, HEALTH, assignedAlertContacts=UNKNOWN),
            lambda s: delayed(s, UNKNOWN),
        ),
        secret=(
            lambda s: altered(s, HEALTH, interval=secret(60)),
            lambda s: altered(s, HEALTH, timeout=secret(30)),
            lambda s: delayed(s, secret(0)),
        ),
        fine=(
            lambda s: altered(s, HEALTH, interval=240),
            lambda s: delayed(s, 3),
            lambda s: altered(s, HEALTH, assignedAlertContacts__0__threshold=30),
        ),
    ),
    Case(
        rule="endpoint-monitor-checks-content",
        at=PLATFORM,
        weak=(
            lambda s: altered(s, HEALTH, type="HTTP"),
            lambda s: altered(s, HEALTH, keywordValue=""),
            lambda s: altered(s, HEALTH, keywordType="ALERT_EXISTS"),
            lambda s: altered(s, HEALTH, successHttpResponseCodes=["2xx", "500"]),
            lambda s: altered(s, FRONTEND, successHttpResponseCodes=["2xx", "4xx"]),
            lambda s: altered(s, FRONTEND, successHttpResponseCodes=[]),
            lambda s: altered(s, HEALTH, type="API"),
        ),
        absent=(
            lambda s: altered(s, HEALTH, keywordValue=ABSENT),
            lambda s: altered(s, HEALTH, keywordType=ABSENT),
            lambda s: altered(s, FRONTEND, successHttpResponseCodes=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, HEALTH, keywordValue=UNKNOWN),
            lambda s: altered(s, HEALTH, keywordType=UNKNOWN),
            lambda s: altered(s, FRONTEND, successHttpResponseCodes=UNKNOWN),
            lambda s: altered(s, FRONTEND, successHttpResponseCodes=["2xx", UNKNOWN]),
        ),
        secret=(
            lambda s: altered(s, HEALTH, keywordValue=secret('"status":"ok"')),
            lambda s: altered(s, HEALTH, keywordType=secret("ALERT_NOT_EXISTS")),
            lambda s: altered(s, FRONTEND, successHttpResponseCodes=secret(["2xx"])),
        ),
        fine=(
            lambda s: altered(s, FRONTEND, successHttpResponseCodes=["200", "3xx"]),
            lambda s: altered(
                s, HEALTH, type="API", config={"apiAssertions": {"checks": [{"property": "$"}]}}
            ),
        ),
    ),
    Case(
        rule="endpoint-monitor-checks-certificate",
        at=PLATFORM,
        weak=(
            lambda s: altered(s, HEALTH, checkSslErrors=False),
            lambda s: altered(s, HEALTH, sslExpirationReminder=False),
            lambda s: altered(s, FRONTEND, checkSslErrors=False),
        ),
        absent=(
            lambda s: altered(s, HEALTH, checkSslErrors=ABSENT),
            lambda s: altered(s, HEALTH, sslExpirationReminder=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, HEALTH, checkSslErrors=UNKNOWN),
            lambda s: altered(s, HEALTH, sslExpirationReminder=UNKNOWN),
        ),
        secret=(lambda s: altered(s, HEALTH, checkSslErrors=secret(value=True)),),
    ),
    Case(
        rule="endpoint-monitor-looks-from-several-regions",
        at=PLATFORM,
        weak=(
            lambda s: altered(s, HEALTH, regionData__regions=["eu"]),
            lambda s: altered(s, HEALTH, regionData__regions=["eu", "eu"]),
            lambda s: altered(s, FRONTEND, regionData__regions=["eu"]),
            lambda s: altered(s, HEALTH, regionData={"autoSelect": True}),
        ),
        absent=(
            lambda s: altered(s, HEALTH, regionData=ABSENT),
            lambda s: altered(s, HEALTH, regionData__regions=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, HEALTH, regionData=UNKNOWN),
            lambda s: altered(s, HEALTH, regionData__regions=["eu", UNKNOWN]),
        ),
        secret=(lambda s: altered(s, HEALTH, regionData__regions=[secret("eu"), "na"]),),
        fine=(lambda s: altered(s, HEALTH, regionData__regions=["eu", "na", UNKNOWN]),),
    ),
    Case(
        rule="monitor-reaches-someone",
        at="job-database-heartbeat",
        weak=(
            deaf,
            lambda s: altered(s, "job-database-heartbeat", assignedAlertContacts=[]),
            lambda s: altered(
                s, "job-database-heartbeat", assignedAlertContacts=[{"alertContactId": "4711"}]
            ),
        ),
        absent=(
            lambda s: altered(s, "job-database-heartbeat", assignedAlertContacts=ABSENT),
            lambda s: without(
                s, "alerting-operations", "alerting-incidents", "alerting-oncall", "alerting-automation"
            ),
            lambda s: altered(deaf(s), "alerting-operations", isActive=ABSENT),
            lambda s: altered(
                deaf(s, but="alerting-operations"), "alerting-operations", notificationEvents=ABSENT
            ),
            lambda s: altered(deaf(s), "alerting-incidents", enableNotificationsFor=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, "job-database-heartbeat", assignedAlertContacts=UNKNOWN),
            lambda s: altered(s, "job-database-heartbeat", assignedAlertContacts=[UNKNOWN]),
            lambda s: altered(deaf(s), "alerting-operations", isActive=UNKNOWN),
            lambda s: altered(deaf(s), "alerting-incidents", enableNotificationsFor=UNKNOWN),
        ),
        secret=(
            lambda s: altered(deaf(s), "alerting-operations", isActive=secret(value=True)),
            lambda s: altered(deaf(s), "alerting-incidents", enableNotificationsFor=secret(2)),
        ),
        fine=(
            lambda s: deaf(s, but="alerting-operations"),
            lambda s: deaf(s, but="alerting-incidents"),
            lambda s: altered(s, "alerting-operations", notificationEvents="down"),
        ),
    ),
    Case(
        rule="monitor-route-is-independent",
        at=PLATFORM,
        weak=(
            lambda s: altered(
                deaf(s, but="alerting-operations"), "alerting-operations", value="operations@example.com"
            ),
            lambda s: altered(
                deaf(s, but="alerting-automation"), "alerting-automation", value="https://hooks.example.com/x"
            ),
            lambda s: altered(
                deaf(s, but="alerting-automation"),
                "alerting-automation",
                type="mattermost",
                value="https://chat.example.com/hooks/x",
            ),
            deaf,
        ),
        absent=(
            lambda s: altered(deaf(s, but="alerting-automation"), "alerting-automation", value=ABSENT),
            lambda s: altered(deaf(s, but="alerting-incidents"), "alerting-incidents", type=ABSENT),
        ),
        unknown=(
            lambda s: altered(deaf(s, but="alerting-automation"), "alerting-automation", value=UNKNOWN),
            lambda s: altered(deaf(s, but="alerting-incidents"), "alerting-incidents", type=UNKNOWN),
            lambda s: altered(
                altered(s, HEALTH, assignedAlertContacts=UNKNOWN), FRONTEND, assignedAlertContacts=UNKNOWN
            ),
        ),
        secret=(
            lambda s: altered(
                deaf(s, but="alerting-operations"), "alerting-operations", value=secret("us@elsewhere.net")
            ),
            lambda s: altered(
                deaf(s, but="alerting-automation"), "alerting-automation", value=secret("https://n8n.io/x")
            ),
        ),
        fine=(
            lambda s: deaf(s, but="alerting-incidents"),
            lambda s: altered(deaf(s, but="alerting-incidents"), "alerting-incidents", value=UNKNOWN),
            lambda s: altered(
                deaf(s, but="alerting-operations"), "alerting-operations", value="a@notexample.com"
            ),
        ),
    ),
    Case(
        rule="endpoint-has-second-prober",
        at=PLATFORM,
        weak=(
            lambda s: altered(s, "errors-health", enabled=False),
            lambda s: altered(s, "errors-health", url="https://app.example.com/"),
            lambda s: altered(s, "errors-health", intervalSeconds=3_600),
            lambda s: altered(s, "errors-health", downtimeThreshold=6),
            lambda s: altered(s, "errors-health", downtimeThreshold=0),
            lambda s: altered(s, "errors-down-alert", enabled=False),
            lambda s: altered(s, "errors-down-alert", triggerConditions=[{"firstSeenEvent": {}}]),
            lambda s: altered(s, "errors-down-alert", monitorIds=["4711"]),
        ),
        absent=(
            lambda s: without(s, "errors-health"),
            lambda s: without(s, "errors-down-alert"),
            lambda s: altered(s, "errors-health", enabled=ABSENT),
            lambda s: altered(s, "errors-health", intervalSeconds=ABSENT),
            lambda s: altered(s, "errors-health", url=ABSENT),
            lambda s: altered(s, "errors-down-alert", triggerConditions=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, "errors-health", enabled=UNKNOWN),
            lambda s: altered(s, "errors-health", intervalSeconds=UNKNOWN),
            lambda s: altered(s, "errors-health", downtimeThreshold=UNKNOWN),
            lambda s: altered(s, "errors-health", url=UNKNOWN),
            lambda s: altered(s, "errors-down-alert", enabled=UNKNOWN),
            lambda s: altered(s, "errors-down-alert", triggerConditions=UNKNOWN),
            lambda s: altered(s, "errors-down-alert", monitorIds=[UNKNOWN]),
        ),
        secret=(
            lambda s: altered(s, "errors-health", url=secret(HEALTH_URL)),
            lambda s: altered(s, "errors-health", enabled=secret(value=True)),
            lambda s: altered(s, "errors-health", intervalSeconds=secret(60)),
        ),
        fine=(
            lambda s: altered(s, PLATFORM, endpoints__0__critical=False),
            lambda s: altered(s, "errors-health", downtimeThreshold=ABSENT),
            lambda s: altered(s, "errors-health", intervalSeconds=300, downtimeThreshold=1),
        ),
    ),
    Case(
        rule="job-has-heartbeat",
        at="job-database",
        weak=(
            lambda s: altered(s, "job-database-heartbeat", isPaused=True),
            lambda s: altered(s, "job-database-heartbeat", type="HTTP"),
        ),
        absent=(
            lambda s: without(s, "job-database-heartbeat"),
            lambda s: altered(s, "job-database-heartbeat", isPaused=ABSENT),
            lambda s: altered(s, "job-database-heartbeat", type=ABSENT),
        ),
        unknown=(lambda s: altered(s, "job-database-heartbeat", isPaused=UNKNOWN),),
        secret=(
            lambda s: altered(s, "job-database-heartbeat", isPaused=secret(value=False)),
            lambda s: altered(s, "job-database-heartbeat", type=secret("HEARTBEAT")),
        ),
    ),
    Case(
        rule="heartbeat-matches-its-job",
        at="job-database",
        weak=(
            lambda s: altered(s, "job-database-heartbeat", interval=172_800),
            lambda s: altered(s, "job-database-heartbeat", interval=3_600),
            lambda s: altered(s, "job-database-heartbeat", gracePeriod=86_400),
            lambda s: altered(s, "job-database", schedule="17 2 * * 1"),
            lambda s: altered(s, "job-database", schedule="daily"),
            lambda s: altered(s, "job-database", latenessMinutes=5),
            lambda s: altered(s, "job-database", longestRunMinutes=5),
        ),
        absent=(
            lambda s: altered(s, "job-database-heartbeat", interval=ABSENT),
            lambda s: altered(s, "job-database-heartbeat", gracePeriod=ABSENT),
            lambda s: altered(s, "job-database", schedule=ABSENT),
            lambda s: altered(s, "job-database", latenessMinutes=ABSENT),
            lambda s: altered(s, "job-database", longestRunMinutes=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, "job-database-heartbeat", interval=UNKNOWN),
            lambda s: altered(s, "job-database-heartbeat", gracePeriod=UNKNOWN),
            lambda s: altered(s, "job-database", schedule=UNKNOWN),
            lambda s: altered(s, "job-database", latenessMinutes=UNKNOWN),
        ),
        secret=(
            lambda s: altered(s, "job-database-heartbeat", interval=secret(86_400)),
            lambda s: altered(s, "job-database", schedule=secret("17 2 * * *")),
        ),
        fine=(
            lambda s: altered(
                altered(s, "job-database", schedule="0 0 1 */6 *"),
                "job-database-heartbeat",
                interval=2_678_400,
            ),
            lambda s: altered(
                altered(s, "job-database", latenessMinutes=2_000),
                "job-database-heartbeat",
                gracePeriod=86_400,
            ),
        ),
    ),
    Case(
        rule="maintenance-window-is-short",
        at="uptime-maintenance",
        weak=(
            lambda s: altered(s, "uptime-maintenance", duration=61),
            lambda s: altered(s, "uptime-maintenance", autoAddMonitors=True),
        ),
        absent=(
            lambda s: altered(s, "uptime-maintenance", duration=ABSENT),
            lambda s: altered(s, "uptime-maintenance", autoAddMonitors=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, "uptime-maintenance", duration=UNKNOWN),
            lambda s: altered(s, "uptime-maintenance", autoAddMonitors=UNKNOWN),
        ),
        secret=(lambda s: altered(s, "uptime-maintenance", duration=secret(30)),),
        fine=(lambda s: altered(s, "uptime-maintenance", duration=60),),
    ),
)
