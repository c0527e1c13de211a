"""The rules about errors, and about Sentry's monitors."""

from collections.abc import Sequence
from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN, Toy, altered, named, secret, without

PROJECT, NEW, REGRESSED = (
    "errors-backend-project",
    "errors-backend-new-alert",
    "errors-backend-regressed-alert",
)
KEY, PROTECTION, OWNERSHIP = (
    "errors-backend-key",
    "errors-backend-spike-protection",
    "errors-backend-ownership",
)
DOWN, CRON, CRON_ALERT = "errors-down-alert", "job-database-cron", "job-database-alert"
METRIC, METRIC_ALERT = "errors-backend-latency", "errors-backend-latency-alert"
ALL_THREE = [{"firstSeenEvent": {}}, {"regressionEvent": {}}, {"reappearedEvent": {}}]


def acting(stack: Sequence[Toy], **action: object) -> list[Toy]:
    """Return the stack with an alert that does one thing only."""
    return altered(stack, DOWN, actionFilters=[{"actions": [action], "conditions": [], "logicType": "all"}])


CASES = (
    Case(
        rule="service-has-error-project",
        at="errors",
        weak=(
            lambda s: altered(s, "errors", services=["backend", "frontend", "worker"]),
            lambda s: altered(s, PROJECT, slug="other", name="other"),
            lambda s: altered(s, "errors", services=[]),
            lambda s: altered(s, "errors", services=["backend", "frontend", 5]),
            lambda s: altered(s, "errors", services=["backend", "backend"]),
        ),
        absent=(lambda s: without(s, PROJECT),),
        unknown=(
            lambda s: altered(s, "errors", services=UNKNOWN),
            lambda s: altered(s, "errors", services=["backend", UNKNOWN]),
            lambda s: altered(s, PROJECT, slug=UNKNOWN, name=ABSENT),
        ),
        secret=(
            lambda s: altered(s, "errors", services=[secret("backend"), "frontend"]),
            lambda s: altered(s, PROJECT, slug=secret("backend"), name=ABSENT),
        ),
        fine=(
            lambda s: altered(s, PROJECT, slug=ABSENT),
            lambda s: altered(s, PROJECT, slug="example-backend"),
            lambda s: altered(s, "errors", services=[{"name": "backend", "port": 80}, {"name": "frontend"}]),
        ),
    ),
    Case(
        rule="error-project-has-alerts",
        at=PROJECT,
        weak=(
            lambda s: altered(s, NEW, enabled=False),
            lambda s: altered(s, REGRESSED, enabled=False),
            lambda s: altered(s, NEW, triggerConditions=[]),
            lambda s: altered(s, REGRESSED, triggerConditions=[{"reappearedEvent": {}}]),
            lambda s: altered(s, NEW, actionFilters__0__conditions=[{"level": {"level": 50}}]),
            lambda s: altered(s, NEW, monitorIds=["4711"]),
        ),
        absent=(
            lambda s: without(s, NEW),
            lambda s: without(s, REGRESSED),
            lambda s: altered(s, NEW, enabled=ABSENT),
            lambda s: altered(s, NEW, triggerConditions=ABSENT),
            lambda s: altered(s, NEW, actionFilters=ABSENT),
            lambda s: altered(s, NEW, monitorIds=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, NEW, enabled=UNKNOWN),
            lambda s: altered(s, NEW, triggerConditions=UNKNOWN),
            lambda s: altered(s, NEW, triggerConditions=[UNKNOWN]),
            lambda s: altered(s, NEW, actionFilters__0__conditions=UNKNOWN),
            lambda s: altered(s, NEW, monitorIds=[UNKNOWN]),
        ),
        secret=(
            lambda s: altered(s, NEW, enabled=secret(value=True)),
            lambda s: altered(s, NEW, triggerConditions=secret([{"firstSeenEvent": {}}])),
        ),
        fine=(
            lambda s: without(altered(s, NEW, triggerConditions=ALL_THREE), REGRESSED),
            lambda s: altered(s, NEW, actionFilters__0__conditions=ABSENT),
        ),
    ),
    Case(
        rule="error-project-has-key",
        at=PROJECT,
        weak=(
            lambda s: altered(s, KEY, project="4711"),
            lambda s: altered(s, PROJECT, defaultKey=True),
        ),
        absent=(lambda s: without(s, KEY), lambda s: altered(s, PROJECT, defaultKey=ABSENT)),
        unknown=(
            lambda s: altered(s, PROJECT, defaultKey=UNKNOWN),
            lambda s: altered(s, KEY, project=UNKNOWN),
        ),
        secret=(
            lambda s: altered(s, KEY, project=secret("backend")),
            lambda s: altered(s, PROJECT, defaultKey=secret(value=False)),
        ),
        fine=(lambda s: altered(s, KEY, project="backend"),),
    ),
    Case(
        rule="error-key-has-rate-limit",
        at=KEY,
        weak=(
            lambda s: altered(s, KEY, rateLimitCount=0),
            lambda s: altered(s, KEY, rateLimitWindow=0),
            lambda s: altered(s, KEY, rateLimitCount=1_001),
            lambda s: altered(s, KEY, rateLimitWindow=35),
        ),
        absent=(
            lambda s: altered(s, KEY, rateLimitCount=ABSENT),
            lambda s: altered(s, KEY, rateLimitWindow=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, KEY, rateLimitCount=UNKNOWN),
            lambda s: altered(s, KEY, rateLimitWindow=UNKNOWN),
        ),
        secret=(lambda s: altered(s, KEY, rateLimitCount=secret(600)),),
        fine=(lambda s: altered(s, KEY, rateLimitCount=1_000), lambda s: altered(s, KEY, rateLimitWindow=36)),
    ),
    Case(
        rule="error-project-has-spike-protection",
        at=PROJECT,
        weak=(
            lambda s: altered(s, PROTECTION, enabled=False),
            lambda s: altered(s, PROTECTION, project="frontend"),
        ),
        absent=(lambda s: without(s, PROTECTION), lambda s: altered(s, PROTECTION, enabled=ABSENT)),
        unknown=(
            lambda s: altered(s, PROTECTION, enabled=UNKNOWN),
            lambda s: altered(s, PROTECTION, project=UNKNOWN),
        ),
        secret=(
            lambda s: altered(s, PROTECTION, enabled=secret(value=True)),
            lambda s: altered(s, PROTECTION, project=secret("backend")),
        ),
        fine=(lambda s: altered(s, PROTECTION, project="backend"),),
    ),
    Case(
        rule="error-project-has-owner",
        at=PROJECT,
        weak=(
            lambda s: altered(s, OWNERSHIP, raw=""),
            lambda s: altered(s, OWNERSHIP, raw="# path:server/** #platform\n"),
            lambda s: altered(s, OWNERSHIP, raw="path:server/**"),
            lambda s: altered(s, OWNERSHIP, fallthrough=False),
        ),
        absent=(
            lambda s: without(s, OWNERSHIP),
            lambda s: altered(s, OWNERSHIP, raw=ABSENT),
            lambda s: altered(s, OWNERSHIP, fallthrough=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, OWNERSHIP, raw=UNKNOWN),
            lambda s: altered(s, OWNERSHIP, fallthrough=UNKNOWN),
            lambda s: altered(s, OWNERSHIP, project=UNKNOWN),
        ),
        secret=(lambda s: altered(s, OWNERSHIP, raw=secret("path:server/** #platform")),),
        fine=(lambda s: altered(s, OWNERSHIP, raw="# ours\n*.py us@example.com\n"),),
    ),
    Case(
        rule="alert-reaches-someone",
        at=DOWN,
        weak=(
            lambda s: altered(s, DOWN, enabled=False),
            lambda s: altered(s, DOWN, actionFilters=[]),
            lambda s: altered(s, DOWN, actionFilters__0__actions=[]),
            lambda s: acting(s, slack={"channelName": "", "integrationId": "501"}),
            lambda s: acting(s, slack={"channelName": "#incidents", "integrationId": ""}),
            lambda s: acting(s, pagerduty={"integrationId": "502", "serviceId": ""}),
            lambda s: acting(s, email={"targetType": "issue_owners", "fallthroughType": "NoOne"}),
            lambda s: acting(s, email={"targetType": "nobody"}),
            lambda s: acting(s, jira={"integrationId": "503", "project": "OPS"}),
            lambda s: acting(s, plugin={}),
        ),
        absent=(
            lambda s: altered(s, DOWN, enabled=ABSENT),
            lambda s: altered(s, DOWN, actionFilters=ABSENT),
            lambda s: altered(s, DOWN, actionFilters__0__actions=ABSENT),
            lambda s: acting(s, slack={"integrationId": "501"}),
            lambda s: acting(s, email={"targetType": "team"}),
            lambda s: acting(s, email={"targetType": "issue_owners"}),
        ),
        unknown=(
            lambda s: altered(s, DOWN, enabled=UNKNOWN),
            lambda s: altered(s, DOWN, actionFilters=UNKNOWN),
            lambda s: altered(s, DOWN, actionFilters=[UNKNOWN]),
            lambda s: acting(s, slack={"channelName": UNKNOWN, "integrationId": "501"}),
            lambda s: acting(s, email={"targetType": "team", "targetId": UNKNOWN}),
            lambda s: acting(s, email={"targetType": UNKNOWN}),
        ),
        secret=(
            lambda s: acting(s, slack={"channelName": secret("#incidents"), "integrationId": "501"}),
            lambda s: altered(s, DOWN, enabled=secret(value=True)),
        ),
        fine=(
            lambda s: acting(s, email={"targetType": "user", "targetId": "7"}),
            lambda s: acting(s, email={"targetType": "issue_owners", "fallthroughType": "ActiveMembers"}),
            lambda s: acting(s, webhook={"service": "example-hook"}),
            lambda s: [
                replace(toy, made_from={"actionFilters": ["errors-team"]}) if toy.name == DOWN else toy
                for toy in acting(s, email={"targetType": "team", "targetId": UNKNOWN})
            ],
        ),
    ),
    Case(
        rule="sentry-monitor-has-alert",
        at=CRON,
        weak=(
            lambda s: altered(s, CRON, enabled=False),
            lambda s: altered(s, CRON_ALERT, enabled=False),
            lambda s: altered(s, CRON_ALERT, monitorIds=["4711"]),
            lambda s: altered(s, CRON_ALERT, triggerConditions=[{"firstSeenEvent": {}}]),
            lambda s: altered(s, CRON_ALERT, triggerConditions=[{"regressionEvent": {}}]),
            lambda s: altered(s, CRON_ALERT, actionFilters__0__conditions=[{"level": {"level": 50}}]),
        ),
        absent=(
            lambda s: without(s, CRON_ALERT),
            lambda s: altered(s, CRON, enabled=ABSENT),
            lambda s: altered(s, CRON_ALERT, triggerConditions=ABSENT),
            lambda s: altered(s, CRON_ALERT, monitorIds=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, CRON, enabled=UNKNOWN),
            lambda s: altered(s, CRON_ALERT, monitorIds=[UNKNOWN]),
            lambda s: altered(s, CRON_ALERT, enabled=UNKNOWN),
            lambda s: altered(s, CRON_ALERT, triggerConditions=UNKNOWN),
        ),
        secret=(
            lambda s: altered(s, CRON, enabled=secret(value=True)),
            lambda s: altered(s, CRON_ALERT, triggerConditions=secret(ALL_THREE)),
        ),
        fine=(
            lambda s: [
                replace(toy, outputs={**toy.inputs, "id": "4711"}) if toy.name == CRON else toy
                for toy in altered(s, CRON_ALERT, monitorIds=["4711"])
            ],
        ),
    ),
    Case(
        rule="job-has-cron-monitor",
        at="job-database",
        weak=(
            lambda s: altered(s, CRON, enabled=False),
            lambda s: [replace(named(s, CRON), parent="errors"), *without(s, CRON)],
        ),
        absent=(lambda s: without(s, CRON), lambda s: altered(s, CRON, enabled=ABSENT)),
        unknown=(lambda s: altered(s, CRON, enabled=UNKNOWN),),
        secret=(lambda s: altered(s, CRON, enabled=secret(value=True)),),
    ),
    Case(
        rule="cron-monitor-matches-its-job",
        at="job-database",
        weak=(
            lambda s: altered(s, CRON, schedule__crontab="17 2 * * 1"),
            lambda s: altered(s, CRON, schedule={"intervalUnit": "day", "intervalValue": 1}),
            lambda s: altered(s, CRON, timezone="Europe/Berlin"),
            lambda s: altered(s, CRON, checkinMarginMinutes=240),
            lambda s: altered(s, CRON, maxRuntimeMinutes=600),
            lambda s: altered(s, CRON, failureIssueThreshold=2),
            lambda s: altered(s, "job-database", latenessMinutes=30),
        ),
        absent=(
            lambda s: altered(s, CRON, schedule=ABSENT),
            lambda s: altered(s, CRON, timezone=ABSENT),
            lambda s: altered(s, CRON, checkinMarginMinutes=ABSENT),
            lambda s: altered(s, CRON, maxRuntimeMinutes=ABSENT),
            lambda s: altered(s, CRON, failureIssueThreshold=ABSENT),
            lambda s: altered(s, "job-database", schedule=ABSENT),
        ),
        unknown=(
            lambda s: altered(s, CRON, schedule=UNKNOWN),
            lambda s: altered(s, CRON, timezone=UNKNOWN),
            lambda s: altered(s, CRON, checkinMarginMinutes=UNKNOWN),
            lambda s: altered(s, CRON, maxRuntimeMinutes=UNKNOWN),
            lambda s: altered(s, CRON, failureIssueThreshold=UNKNOWN),
            lambda s: altered(s, "job-database", longestRunMinutes=UNKNOWN),
        ),
        secret=(
            lambda s: altered(s, CRON, schedule__crontab=secret("17 2 * * *")),
            lambda s: altered(s, "job-database", latenessMinutes=secret(120)),
        ),
    ),
)
