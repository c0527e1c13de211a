"""Sentry's provider (jianyuan/sentry 0.15.4): its input rules, defaults and replacements, by its source."""

import functools
import zoneinfo
from http import HTTPStatus

from twin.provider.rules import (
    at_most_one,
    each,
    exactly_one,
    length,
    one_of,
    size,
    together,
    valid_json,
    when,
    within,
)
from twin.provider.terraform_diff import parse_json
from twin.provider.terraform_spec import ResourceSpec, VendorSpec, last_part
from twin.provider.values import Properties

PLATFORMS = (
    "other",
    "android",
    "apple",
    "apple-ios",
    "apple-macos",
    "bun",
    "capacitor",
    "cordova",
    "dart",
    "deno",
    "dotnet",
    "dotnet-aspnet",
    "dotnet-aspnetcore",
    "dotnet-awslambda",
    "dotnet-gcpfunctions",
    "dotnet-maui",
    "dotnet-uwp",
    "dotnet-winforms",
    "dotnet-wpf",
    "dotnet-xamarin",
    "electron",
    "elixir",
    "flutter",
    "go",
    "go-echo",
    "go-fasthttp",
    "go-fiber",
    "go-gin",
    "go-http",
    "go-iris",
    "go-martini",
    "go-negroni",
    "godot",
    "ionic",
    "java",
    "java-log4j2",
    "java-logback",
    "java-spring",
    "java-spring-boot",
    "javascript",
    "javascript-angular",
    "javascript-astro",
    "javascript-ember",
    "javascript-gatsby",
    "javascript-nextjs",
    "javascript-nuxt",
    "javascript-react",
    "javascript-react-router",
    "javascript-remix",
    "javascript-solid",
    "javascript-solidstart",
    "javascript-svelte",
    "javascript-sveltekit",
    "javascript-tanstackstart-react",
    "javascript-vue",
    "kotlin",
    "minidump",
    "native",
    "native-qt",
    "nintendo-switch",
    "node",
    "node-awslambda",
    "node-azurefunctions",
    "node-cloudflare-pages",
    "node-cloudflare-workers",
    "node-connect",
    "node-express",
    "node-fastify",
    "node-gcpfunctions",
    "node-hapi",
    "node-hono",
    "node-koa",
    "node-nestjs",
    "php",
    "php-laravel",
    "php-symfony",
    "playstation",
    "powershell",
    "python",
    "python-aiohttp",
    "python-asgi",
    "python-awslambda",
    "python-bottle",
    "python-celery",
    "python-chalice",
    "python-django",
    "python-falcon",
    "python-fastapi",
    "python-flask",
    "python-gcpfunctions",
    "python-litestar",
    "python-pylons",
    "python-pymongo",
    "python-pyramid",
    "python-quart",
    "python-rq",
    "python-sanic",
    "python-serverless",
    "python-starlette",
    "python-tornado",
    "python-tryton",
    "python-wsgi",
    "react-native",
    "ruby",
    "ruby-rack",
    "ruby-rails",
    "rust",
    "unity",
    "unreal",
    "xbox",
)
"""The platforms that the provider knows; it refuses any other in the preview."""

_IN_PROJECT = frozenset({"organization", "project"})
_OWNER = exactly_one("owner", "teamId", "userId")
_FREQUENCY = ("1m", "5m", "15m", "1h", "1d", "1w", "30d")
_LOGIC = ("any", "any-short", "all", "none")
_COUNTED = (
    *("eventFrequencyCount", "eventUniqueUserFrequencyCount", "eventFrequencyPercent"),
    *("percentSessionsCount", "percentSessionsPercent"),
)
_MATCHES = (
    *("co", "ew", "eq", "gte", "gt", "is", "in", "lte", "lt", "nc", "new", "ne", "ns", "nsw", "nin", "sw"),
)
_ACTION, _CONDITION = "actionFilters[].actions[]", "actionFilters[].conditions[]"
_NUMERIC_CONDITIONS = ("eq", "gte", "gt", "lte", "lt", "ne")
_CONDITION_TYPES = (
    *_NUMERIC_CONDITIONS,
    *("anomaly_detection", "age_comparison", "assigned_to", "event_attribute", "event_created_by_detector"),
    *("event_seen_count", "existing_high_priority_issue", "first_seen_event", "issue_category"),
    *("issue_occurrences", "issue_open_duration", "issue_priority_equals", "issue_priority_deescalating"),
    *("issue_priority_greater_or_equal", "issue_resolution_change", "issue_resolved_trigger", "issue_type"),
    *("latest_adopted_release", "latest_release", "level", "new_high_priority_issue", "reappeared_event"),
    *("regression_event", "tagged_event", "event_frequency_count", "event_frequency_percent"),
    *("event_unique_user_frequency_count", "event_unique_user_frequency_percent"),
    *("percent_sessions_count", "percent_sessions_percent", "every_event", "seer_activity_trigger"),
)
_DATASETS = (
    *("events", "transactions", "discover", "outcomes", "outcomes_raw", "sessions", "metrics"),
    *("generic_metrics", "replays", "profiles", "search_issues", "functions", "spans"),
    "events_analytics_platform",
)
_EVENT_TYPES = (
    *("error", "default", "transaction", "trace_item_span", "trace_item_log", "trace_item_metric"),
)


@functools.cache
def _zones() -> frozenset[str]:
    # Files of the system's database that the provider doesn't accept as time zones.
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime"})


def _is_zone(name: str) -> bool:
    """Return whether the system knows the time zone; without a time zone database every name is accepted."""
    return name in _zones() or not _zones()


def _slug_address(identifier: str, state: Properties) -> str:
    """Return the address of a team or project, `<organization>/<slug>`; an import uses the same address."""
    return f"{state['organization']}/{state.get('slug', identifier)}" if state else identifier


def _project_address(identifier: str, state: Properties) -> str:
    return f"{state['organization']}/{state['project']}" if state else identifier


_ALERT_RULES = (
    size("actionFilters", 1),
    size("actionFilters[].actions", 1),
    one_of("actionFilters[].logicType", *_LOGIC),
    at_most_one("triggerConditions[]"),
    at_most_one(_CONDITION),
    at_most_one(_ACTION),
    one_of(f"{_ACTION}.email.targetType", "issue_owners", "team", "user"),
    one_of(f"{_ACTION}.email.fallthroughType", "AllMembers", "ActiveMembers", "NoOne"),
    when(
        f"{_ACTION}.email", "targetType", "team", "user", requires=("targetId",), forbids=("fallthroughType",)
    ),
    when(
        f"{_ACTION}.email", "targetType", "issue_owners", requires=("fallthroughType",), forbids=("targetId",)
    ),
    *(one_of(f"{_CONDITION}.{name}.interval", *_FREQUENCY) for name in _COUNTED),
    *(one_of(f"{_CONDITION}.{name}.comparisonInterval", *_FREQUENCY) for name in _COUNTED),
    *(one_of(f"{_CONDITION}.{name}.filters[].match", *_MATCHES) for name in _COUNTED),
    *(within(f"{_CONDITION}.{name}.value", 1) for name in (*_COUNTED, "issueOccurrences", "ageComparison")),
    one_of(f"{_CONDITION}.ageComparison.time", "minute", "hour", "day", "week"),
    one_of(f"{_CONDITION}.ageComparison.comparisonType", "older", "newer"),
    one_of(f"{_CONDITION}.assignedTo.targetType", "Unassigned", "Member", "Team"),
    when(f"{_CONDITION}.assignedTo", "targetType", "Member", "Team", requires=("targetId",)),
    when(f"{_CONDITION}.assignedTo", "targetType", "Unassigned", forbids=("targetId",)),
    one_of(f"{_CONDITION}.latestAdoptedRelease.ageComparison", "older", "newer"),
    one_of(f"{_CONDITION}.latestAdoptedRelease.releaseAgeType", "oldest", "newest"),
    when(f"{_CONDITION}.eventAttribute", "match", "is", "ns", forbids=("value",)),
    when(f"{_CONDITION}.taggedEvent", "match", "is", "ns", forbids=("value",)),
)
_METRIC_CONDITION = "conditionGroup.conditions[]"
_METRIC_RULES = (
    _OWNER,
    one_of("dataset", *_DATASETS),
    one_of("eventTypes[]", *_EVENT_TYPES),
    one_of("queryType", "error", "performance", "crash_rate"),
    one_of("extrapolationMode", "unknown", "none", "client_and_server_weighted", "server_weighted"),
    one_of("issueDetection.type", "static", "percent", "dynamic"),
    when("issueDetection", "type", "percent", requires=("comparisonDelta",)),
    when("issueDetection", "type", "static", "dynamic", forbids=("comparisonDelta",)),
    one_of("conditionGroup.logicType", *_LOGIC),
    one_of(f"{_METRIC_CONDITION}.type", *_CONDITION_TYPES),
    when(_METRIC_CONDITION, "type", *_NUMERIC_CONDITIONS, requires=("comparison",)),
    when(
        _METRIC_CONDITION,
        "type",
        "anomaly_detection",
        requires=("comparisonSensitivity", "comparisonThresholdType"),
        forbids=("comparison",),
    ),
    one_of(f"{_METRIC_CONDITION}.comparisonSensitivity", "low", "medium", "high"),
    one_of(f"{_METRIC_CONDITION}.comparisonThresholdType", "above", "below", "above_and_below"),
)


_CRON_RULES = (
    _OWNER,
    exactly_one("schedule", "crontab", "intervalValue"),
    at_most_one("schedule", "crontab", "intervalUnit"),
    together("schedule", "intervalValue", "intervalUnit"),
    one_of("schedule.intervalUnit", "year", "month", "week", "day", "hour", "minute"),
    each("timezone", _is_zone, "be a time zone of the IANA list"),
)
_UPTIME_RULES = (
    _OWNER,
    one_of("method", "GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"),
    valid_json("assertionJson"),
    one_of("intervalSeconds", 60, 300, 600, 1200, 1800, 3600),
    when("", "method", "GET", "HEAD", "OPTIONS", forbids=("body",)),
)
_PROJECT_RULES = (
    size("teams", 1),
    one_of("platform", *PLATFORMS),
    length("clientSecurity.securityTokenHeader", 20),
    size("clientSecurity.allowedDomains", 1),
    *(size(f"filters.{name}", 1) for name in ("blacklistedIps", "releases", "errorMessages")),
)


SENTRY = VendorSpec(
    title="Sentry",
    scalar_lists_are_sets=True,
    fractions=frozenset({"comparison"}),
    # go-retryablehttp, whatever the request is.
    repeats_creation=lambda _kind, status: status >= HTTPStatus.INTERNAL_SERVER_ERROR,
    resources={
        "team": ResourceSpec(
            rules=(each("sentryTeamId", lambda _: False, "be left out, because it is the id"),),
            address=_slug_address,
            gone_fails_delete=True,
        ),
        "project": ResourceSpec(
            rules=_PROJECT_RULES,
            write_only=frozenset({"defaultRules", "defaultKey"}),
            not_on_create=frozenset({"highlightTags"}),
            normalize={"fingerprintingRules": str.strip, "groupingEnhancements": str.strip},
            address=_slug_address,
        ),
        "key": ResourceSpec(
            rules=(
                together("", "rateLimitWindow", "rateLimitCount"),
                together(
                    "javascriptLoaderScript",
                    *("performanceMonitoringEnabled", "sessionReplayEnabled", "debugEnabled"),
                ),
            ),
            address=last_part,
            gone_is_error=True,
        ),
        "alert": ResourceSpec(
            rules=_ALERT_RULES,
            defaults={"enabled": True, "triggerConditions": []},
            replaces=frozenset({"organization"}),
            normalize={"channelName": lambda name: name.removeprefix("#")},
            address=last_part,
            gone_is_error=True,
        ),
        "metricMonitor": ResourceSpec(
            rules=_METRIC_RULES,
            defaults={"enabled": True},
            replaces=_IN_PROJECT,
            address=last_part,
            gone_is_error=True,
        ),
        "cronMonitor": ResourceSpec(
            rules=_CRON_RULES,
            defaults={"enabled": True, "timezone": "UTC"},
            replaces=_IN_PROJECT,
            address=last_part,
            gone_is_error=True,
        ),
        "uptimeMonitor": ResourceSpec(
            rules=_UPTIME_RULES,
            defaults={"enabled": True, "recoveryThreshold": 1, "downtimeThreshold": 3},
            replaces=_IN_PROJECT,
            normalize={"assertionJson": parse_json},
            address=last_part,
            gone_is_error=True,
        ),
        "projectOwnership": ResourceSpec(
            rules=(
                one_of(
                    "autoAssignment",
                    *(
                        "Auto Assign to Issue Owner",
                        "Auto Assign to Suspect Commits",
                        "Turn off Auto-Assignment",
                    ),
                ),
            ),
            address=_project_address,
            gone_is_error=True,
        ),
        "projectSpikeProtection": ResourceSpec(address=_project_address, gone_is_error=True),
        "integrationPagerduty": ResourceSpec(address=last_part, gone_is_error=True),
    },
)
