"""What the bridged providers refuse in a preview, one row per rule. The real providers judge the same."""

from typing import Any

import pytest

from twin.neon.provider import NEON
from twin.pagerduty.provider import PAGERDUTY
from twin.provider.schema import load_package
from twin.provider.terraform_spec import VendorSpec
from twin.provider.validation import convert_inputs
from twin.provider.values import UNKNOWN
from twin.railway.provider import RAILWAY
from twin.sentry.provider import SENTRY
from twin.uptimerobot.provider import UPTIMEROBOT
from twin.vercel.provider import VERCEL

Inputs = dict[str, Any]
Row = tuple[str, Inputs, str | None]
"""A kind's short name, inputs laid over its base (None removes one), and the property that is refused."""

NOTHING = None
VENDORS: dict[str, VendorSpec] = {
    "neon": NEON,
    "uptimerobot": UPTIMEROBOT,
    "sentry": SENTRY,
    "pagerduty": PAGERDUTY,
    "railway": RAILWAY,
    "vercel": VERCEL,
}
UUID = "12345678-1234-1234-1234-123456789012"
IN_ORG = {"organization": "acme"}
IN_PROJECT = {"organization": "acme", "project": "api"}
EMAIL = {"email": {"targetType": "issue_owners", "fallthroughType": "AllMembers"}}
COUNT = {"value": 10, "interval": "1h"}
CONTACT = {"alertContactId": "7", "threshold": 0, "recurrence": 0}

BASES: dict[str, tuple[str, str, Inputs]] = {
    "project": ("neon", "project", {"name": "main"}),
    "branch": ("neon", "branch", {"name": "b", "projectId": "p"}),
    "endpoint": ("neon", "endpoint", {"projectId": "p", "branchId": "b"}),
    "role": ("neon", "role", {"projectId": "p", "branchId": "b", "name": "app"}),
    "database": ("neon", "database", {"projectId": "p", "branchId": "b", "name": "d", "ownerName": "o"}),
    "http": (
        "uptimerobot",
        "monitor",
        {"type": "HTTP", "name": "health", "url": "https://api.example.com/health", "interval": 60},
    ),
    "keyword": (
        "uptimerobot",
        "monitor",
        {
            "type": "KEYWORD",
            "name": "health",
            "url": "https://api.example.com/health",
            "interval": 60,
            "keywordType": "ALERT_NOT_EXISTS",
            "keywordCaseType": "CaseSensitive",
            "keywordValue": "ok",
        },
    ),
    "ping": ("uptimerobot", "monitor", {"type": "PING", "name": "p", "url": "192.0.2.1", "interval": 60}),
    "port": (
        "uptimerobot",
        "monitor",
        {"type": "PORT", "name": "p", "url": "db.example.com", "interval": 60, "port": 5432},
    ),
    "udp": (
        "uptimerobot",
        "monitor",
        {
            "type": "UDP",
            "name": "p",
            "url": "db.example.com",
            "interval": 60,
            "port": 53,
            "config": {"udp": {"packetLossThreshold": 50}},
        },
    ),
    "heartbeat": (
        "uptimerobot",
        "monitor",
        {"type": "HEARTBEAT", "name": "dump", "interval": 86_400, "gracePeriod": 3_600},
    ),
    "dns": (
        "uptimerobot",
        "monitor",
        {"type": "DNS", "name": "d", "url": "example.com", "interval": 60, "config": {}},
    ),
    "api": (
        "uptimerobot",
        "monitor",
        {
            "type": "API",
            "name": "a",
            "url": "https://api.example.com/health",
            "interval": 60,
            "config": {
                "apiAssertions": {
                    "logic": "AND",
                    "checks": [{"property": "$.status", "comparison": "equals", "target": '"ok"'}],
                }
            },
        },
    ),
    "integration": (
        "uptimerobot",
        "integration",
        {
            "name": "sev1",
            "type": "slack",
            "value": "https://hooks.example.com/x",
            "enableNotificationsFor": 1,
            "sslExpirationReminder": True,
        },
    ),
    "contact": (
        "uptimerobot",
        "alertContact",
        {"name": "mail", "type": "email", "value": "on-call@example.com"},
    ),
    "window": (
        "uptimerobot",
        "maintenanceWindow",
        {"name": "w", "interval": "daily", "time": "03:00:00", "duration": 30},
    ),
    "group": ("uptimerobot", "monitorGroup", {"name": "platform"}),
    "page": ("uptimerobot", "psp", {"name": "status"}),
    "team": ("sentry", "team", {**IN_ORG, "name": "platform"}),
    "app": ("sentry", "project", {**IN_ORG, "name": "api", "teams": ["platform"]}),
    "key": ("sentry", "key", {**IN_PROJECT, "name": "k"}),
    "alert": (
        "sentry",
        "alert",
        {
            **IN_ORG,
            "name": "new",
            "frequencyMinutes": 5,
            "monitorIds": ["1"],
            "actionFilters": [{"logicType": "any", "actions": [EMAIL]}],
        },
    ),
    "metric": (
        "sentry",
        "metricMonitor",
        {
            **IN_PROJECT,
            "name": "failure rate",
            "aggregate": "failure_rate()",
            "dataset": "events_analytics_platform",
            "eventTypes": ["trace_item_span"],
            "issueDetection": {"type": "static"},
            "conditionGroup": {"conditions": [{"type": "gt", "comparison": 0.05, "conditionResult": 75}]},
        },
    ),
    "cron": (
        "sentry",
        "cronMonitor",
        {
            **IN_PROJECT,
            "name": "dump",
            "checkinMarginMinutes": 30,
            "failureIssueThreshold": 1,
            "maxRuntimeMinutes": 60,
            "recoveryThreshold": 1,
            "schedule": {"crontab": "0 3 * * *"},
        },
    ),
    "uptime": (
        "sentry",
        "uptimeMonitor",
        {
            **IN_PROJECT,
            "name": "health",
            "environment": "production",
            "url": "https://api.example.com/health",
            "method": "GET",
            "intervalSeconds": 60,
            "timeoutMs": 5_000,
        },
    ),
    "ownership": (
        "sentry",
        "projectOwnership",
        {
            **IN_PROJECT,
            "raw": "path:* #platform",
            "fallthrough": True,
            "codeownersAutoSync": False,
            "autoAssignment": "Auto Assign to Issue Owner",
        },
    ),
    "spikes": ("sentry", "projectSpikeProtection", {**IN_PROJECT, "enabled": True}),
    "service": (
        "sentry",
        "integrationPagerduty",
        {**IN_ORG, "integrationId": "502", "service": "sev1", "integrationKey": "k" * 32},
    ),
    "collection": (
        "railway",
        "variableCollection",
        {"serviceId": UUID, "environmentId": UUID, "variables": [{"name": "A", "value": "1"}]},
    ),
    "variable": (
        "vercel",
        "projectEnvironmentVariable",
        {"projectId": "prj_1", "key": "A", "value": "1", "sensitive": True, "targets": ["production"]},
    ),
}


def filters(*conditions: Inputs) -> Inputs:
    return {"actionFilters": [{"logicType": "all", "conditions": list(conditions), "actions": [EMAIL]}]}


def action(chosen: Inputs) -> Inputs:
    return {"actionFilters": [{"logicType": "any", "actions": [chosen]}]}


def assertion(**check: Any) -> Inputs:
    checks = [{"property": "$.status", **check}]
    return {"config": {"apiAssertions": {"logic": "OR", "checks": checks}}}


def condition(**changes: Any) -> Inputs:
    return {"conditionGroup": {"conditions": [{"conditionResult": 75, **changes}]}}


TYPES: list[Row] = [
    ("http", {"nmae": "x"}, "nmae"),
    ("project", {"quota": {"storage": 1}}, "quota.storage"),
    ("branch", {"projectId": NOTHING}, "projectId"),
    ("http", {"interval": NOTHING}, "interval"),
    ("project", {"maintenanceWindow": {"weekdays": [1], "startTime": "03:00"}}, "maintenanceWindow.endTime"),
    ("http", {"interval": "60"}, NOTHING),
    ("http", {"interval": "often"}, "interval"),
    ("http", {"interval": True}, "interval"),
    ("http", {"name": 5}, NOTHING),
    ("http", {"name": ["x"]}, "name"),
    ("http", {"followRedirections": "true"}, "followRedirections"),
    ("http", {"tags": "prod"}, "tags"),
    ("http", {"customFields": ["a"]}, "customFields"),
    ("http", {"groupId": "123"}, NOTHING),
    ("http", {"maintenanceWindowIds": ["12"]}, NOTHING),
    ("page", {"monitorIds": ["12"]}, NOTHING),
    ("http", {"assignedAlertContacts": [{"alertContactId": "7"}]}, "assignedAlertContacts[0].recurrence"),
    ("http", {"interval": UNKNOWN, "url": UNKNOWN, "tags": [UNKNOWN]}, NOTHING),
]
HOST_ROWS: list[Row] = [
    ("collection", {}, NOTHING),
    ("collection", {"serviceId": "backend"}, "serviceId"),
    ("collection", {"environmentId": "production"}, "environmentId"),
    ("collection", {"variables": []}, "variables"),
    ("collection", {"variables": [{"name": "", "value": "1"}]}, "variables[0].name"),
    ("collection", {"variables": [{"name": "A"}]}, "variables[0].value"),
    ("collection", {"variables": [{"name": "A", "value": UNKNOWN}]}, NOTHING),
    ("variable", {}, NOTHING),
    ("variable", {"key": ""}, "key"),
    ("variable", {"sensitive": NOTHING}, "sensitive"),
    ("variable", {"value": NOTHING}, "value"),
    ("variable", {"valueWo": "1"}, "valueWo"),
    ("variable", {"value": NOTHING, "valueWo": "1", "valueWoVersion": 1}, NOTHING),
    ("variable", {"valueWoVersion": 1}, "valueWoVersion"),
    ("variable", {"targets": NOTHING}, "targets"),
    ("variable", {"targets": []}, "targets"),
    ("variable", {"targets": NOTHING, "customEnvironmentIds": ["env_1"]}, NOTHING),
    ("variable", {"targets": ["staging"]}, "targets[0]"),
    ("variable", {"targets": ["development"]}, "sensitive"),
    ("variable", {"targets": ["development"], "sensitive": False}, NOTHING),
    ("variable", {"comment": "x" * 1001}, "comment"),
]
NEON_ROWS: list[Row] = [
    ("project", {}, NOTHING),
    ("project", {"historyRetentionSeconds": -1}, "historyRetentionSeconds"),
    ("project", {"historyRetentionSeconds": 2_592_001}, NOTHING),  # the vendor's own limit comes at `up`
    ("project", {"pgVersion": 17.5}, "pgVersion"),
    ("project", {"computeProvisioner": "k8s"}, "computeProvisioner"),
    ("project", {"quota": {"logicalSizeBytes": -1}}, "quota.logicalSizeBytes"),
    (
        "project",
        {"defaultEndpointSettings": {"suspendTimeoutSeconds": -2}},
        "defaultEndpointSettings.suspendTimeoutSeconds",
    ),
    ("project", {"defaultEndpointSettings": {"suspendTimeoutSeconds": -1}}, NOTHING),
    ("project", {"allowedIps": []}, "allowedIps"),
    ("project", {"hipaa": True}, "hipaa"),
    ("project", {"storePassword": "on"}, "storePassword"),
    ("project", {"blockVpcConnections": "no", "enableLogicalReplication": ""}, NOTHING),
    (
        "project",
        {"maintenanceWindow": {"weekdays": [], "startTime": "03:00", "endTime": "04:00"}},
        "maintenanceWindow.weekdays",
    ),
    ("branch", {"parentTimestamp": 1_700_000_000, "parentLsn": "0/1"}, "parentTimestamp"),
    ("branch", {"parentTimestamp": -5}, "parentTimestamp"),
    ("branch", {"protected": "true"}, "protected"),
    ("endpoint", {}, NOTHING),
    ("endpoint", {"type": "writer"}, "type"),
    ("endpoint", {"computeProvisioner": "k8s"}, "computeProvisioner"),
    ("endpoint", {"suspendTimeoutSeconds": -5}, NOTHING),
    ("role", {}, NOTHING),
    ("database", {}, NOTHING),
]
MONITOR_ROWS: list[Row] = [
    *((kind, {}, NOTHING) for kind in ("http", "keyword", "ping", "port", "udp", "heartbeat", "dns", "api")),
    ("http", {"type": "HTTPS"}, "type"),
    ("http", {"interval": 29}, "interval"),
    ("http", {"timeout": 61}, "timeout"),
    ("http", {"timeout": 0}, NOTHING),
    ("http", {"url": "api.example.com/health"}, "url"),
    ("http", {"url": "ftp://api.example.com"}, "url"),
    ("http", {"url": NOTHING}, "url"),
    ("http", {"url": "https://e.com/" + "x" * 10_000}, "url"),
    ("http", {"name": "x" * 251}, "name"),
    ("http", {"name": "a &amp; b"}, "name"),
    ("http", {"url": "https://e.com/?a=1&amp;b=2"}, "url"),
    ("http", {"name": "a & b"}, NOTHING),
    ("http", {"gracePeriod": 5}, "gracePeriod"),
    ("http", {"port": 80}, "port"),
    ("http", {"groupId": -1}, "groupId"),
    ("http", {"keywordValue": "ok"}, "keywordValue"),
    ("http", {"responseTimeThreshold": 60_001}, "responseTimeThreshold"),
    ("http", {"tags": ["Prod"]}, "tags[0]"),
    ("http", {"tags": ["prod", "öst"]}, NOTHING),
    ("http", {"httpMethodType": "TRACE"}, "httpMethodType"),
    ("http", {"authType": "NTLM"}, "authType"),
    ("http", {"httpPassword": "x" * 256}, "httpPassword"),
    ("http", {"httpMethodType": "GET", "postValueData": "{}"}, "postValueData"),
    ("http", {"httpMethodType": "POST", "postValueData": "{}"}, NOTHING),
    ("http", {"postValueData": "{}", "postValueKv": {"a": "b"}}, "postValueKv"),
    ("http", {"customHttpHeaders": {"X-A": "1", "x-a": "2"}}, "customHttpHeaders"),
    ("http", {"customFields": {"no space": "x"}}, "customFields"),
    ("http", {"customFields": {"a": "x" * 256}}, "customFields['a']"),
    ("http", {"customFields": {str(n): "x" for n in range(21)}}, "customFields"),
    ("http", {"sslExpirationReminder": True}, NOTHING),
    ("http", {"sslExpirationReminder": True, "url": "http://e.com"}, "sslExpirationReminder"),
    ("http", {"checkSslErrors": True, "url": "http://e.com"}, "checkSslErrors"),
    ("port", {"checkSslErrors": True}, "checkSslErrors"),
    ("http", {"assignedAlertContacts": [CONTACT]}, NOTHING),
    ("http", {"assignedAlertContacts": [{**CONTACT, "alertContactId": UNKNOWN}] * 2}, NOTHING),
    (
        "http",
        {"assignedAlertContacts": [CONTACT, {**CONTACT, "threshold": 1}]},
        "assignedAlertContacts[1].alertContactId",
    ),
    (
        "http",
        {"assignedAlertContacts": [{**CONTACT, "alertContactId": "me"}]},
        "assignedAlertContacts[0].alertContactId",
    ),
    ("http", {"assignedAlertContacts": [{**CONTACT, "threshold": -1}]}, "assignedAlertContacts[0].threshold"),
    ("http", {"regionData": {"regions": ["eu", "na"]}}, NOTHING),
    ("http", {"regionData": {"regions": ["uk"]}}, "regionData.regions[0]"),
    ("http", {"regionData": {"regions": []}}, "regionData.regions"),
    ("http", {"regionData": {}}, "regionData.regions"),
    ("http", {"regionData": {"autoSelect": True}}, NOTHING),
    ("http", {"regionData": {"regions": ["eu"], "thresholds": {"na": 5}}}, "regionData.thresholds"),
    (
        "http",
        {"regionData": {"regions": ["eu"], "thresholds": {"eu": 60_001}}},
        "regionData.thresholds['eu']",
    ),
    (
        "http",
        {"regionData": {"regions": ["eu"], "thresholds": {"eu": 5}}, "responseTimeThreshold": 5},
        "regionData.thresholds",
    ),
    ("http", {"regionData": {"regions": ["eu"]}, "regionalData": "eu"}, "regionData"),
    ("http", {"config": {"sslExpirationPeriodDays": [0, 7, 30]}}, NOTHING),
    ("http", {"config": {"sslExpirationPeriodDays": [366]}}, "config.sslExpirationPeriodDays[0]"),
    ("http", {"config": {"sslExpirationPeriodDays": list(range(11))}}, "config.sslExpirationPeriodDays"),
    ("ping", {"config": {"sslExpirationPeriodDays": [7]}}, "config.sslExpirationPeriodDays"),
    ("http", {"config": {"applicationErrorRetries": 4}}, "config.applicationErrorRetries"),
    ("port", {"config": {"applicationErrorRetries": 1}}, "config.applicationErrorRetries"),
    ("http", {"config": {"ipVersion": "ipv5Only"}}, "config.ipVersion"),
    ("ping", {"config": {"ipVersion": "ipv6Only"}}, "config.ipVersion"),
    ("ping", {"config": {"ipVersion": "ipv4Only"}}, NOTHING),
    ("dns", {"config": {"ipVersion": "ipv4Only"}}, "config.ipVersion"),
    ("http", {"config": {"dnsRecords": {"as": ["192.0.2.1"]}}}, "config.dnsRecords"),
    ("dns", {"config": {"dnsRecords": {"as": ["192.0.2.1"]}}}, NOTHING),
    ("dns", {"config": NOTHING}, "config"),
    ("dns", {"timeout": 5}, NOTHING),
    ("dns", {"gracePeriod": 5}, NOTHING),
    ("http", {"config": {"udp": {"packetLossThreshold": 1}}}, "config.udp"),
    ("udp", {"config": {}}, "config.udp"),
    ("udp", {"port": NOTHING}, "port"),
    ("port", {"port": NOTHING}, "port"),
    ("port", {"port": 65_536}, "port"),
    ("keyword", {"keywordType": NOTHING}, "keywordType"),
    ("keyword", {"keywordCaseType": NOTHING}, "keywordCaseType"),
    ("keyword", {"keywordValue": NOTHING}, "keywordValue"),
    ("keyword", {"keywordType": "EXISTS"}, "keywordType"),
    ("keyword", {"keywordCaseType": "sensitive"}, "keywordCaseType"),
    ("keyword", {"keywordValue": "x" * 501}, "keywordValue"),
    ("heartbeat", {"gracePeriod": NOTHING}, "gracePeriod"),
    ("heartbeat", {"gracePeriod": 86_401}, "gracePeriod"),
    ("heartbeat", {"url": "https://e.com"}, "url"),
    ("heartbeat", {"timeout": 5}, "timeout"),
    ("heartbeat", {"interval": 2_678_401}, "interval"),
    ("heartbeat", {"interval": 2_678_400}, NOTHING),
    ("heartbeat", {"sslExpirationReminder": True}, "sslExpirationReminder"),
    ("api", {"httpMethodType": "HEAD"}, "httpMethodType"),
    ("api", {"config": NOTHING}, "config"),
    ("api", {"config": {}}, "config.apiAssertions.checks"),
    ("api", {"config": {"apiAssertions": {"logic": "XOR", "checks": []}}}, "config.apiAssertions.logic"),
    ("http", {"config": {"apiAssertions": {"logic": "AND", "checks": []}}}, "config.apiAssertions"),
    ("api", assertion(comparison="equals", target="ok"), "config.apiAssertions.checks[0].target"),
    ("api", assertion(comparison="like", target='"ok"'), "config.apiAssertions.checks[0].comparison"),
    ("api", assertion(property="status", comparison="is_null"), "config.apiAssertions.checks[0].property"),
    ("api", assertion(comparison="is_null"), NOTHING),
    ("api", assertion(comparison="is_not_null", target="1"), "config.apiAssertions.checks[0].target"),
    ("api", assertion(comparison="greater_than", target='"5"'), "config.apiAssertions.checks[0].target"),
    ("api", assertion(comparison="greater_than", target="5"), NOTHING),
    ("api", assertion(comparison="contains", target="5"), "config.apiAssertions.checks[0].target"),
    ("api", assertion(comparison="equals", target="true"), NOTHING),
]
UPTIMEROBOT_ROWS: list[Row] = [
    ("integration", {}, NOTHING),
    ("integration", {"type": "sms"}, "type"),
    ("integration", {"enableNotificationsFor": 0}, "enableNotificationsFor"),
    ("integration", {"enableNotificationsFor": 5}, "enableNotificationsFor"),
    ("integration", {"priority": "High!"}, "priority"),
    ("integration", {"location": "de"}, "location"),
    ("integration", {"type": "webhook", "customHeaders": {"a b": "c"}}, "customHeaders"),
    ("integration", {"type": "pagerduty", "value": "short"}, NOTHING),  # fails at `up` only
    ("integration", {"value": NOTHING}, "value"),
    ("contact", {}, NOTHING),
    ("contact", {"type": "sms"}, "type"),
    ("contact", {"notificationEvents": "1"}, "notificationEvents"),
    ("window", {}, NOTHING),
    ("window", {"interval": "yearly"}, "interval"),
    ("window", {"time": "3:00"}, "time"),
    ("window", {"date": "01.02.2030"}, "date"),
    ("window", {"interval": "once", "date": "2030-02-01"}, NOTHING),
    ("window", {"interval": "weekly"}, "days"),
    ("window", {"interval": "weekly", "days": []}, "days"),
    ("window", {"interval": "weekly", "days": [7]}, NOTHING),
    ("window", {"interval": "monthly", "days": [-1]}, NOTHING),
    ("window", {"interval": "monthly", "days": [32]}, "days[0]"),
    ("window", {"interval": "daily", "days": [1]}, "days"),
    ("window", {"monitorIds": [0, 5]}, "monitorIds"),
    ("window", {"monitorIds": [0], "autoAddMonitors": False}, "monitorIds"),
    ("window", {"monitorIds": [5], "autoAddMonitors": True}, "monitorIds"),
    ("window", {"monitorIds": [5], "autoAddMonitors": False}, NOTHING),
    ("group", {}, NOTHING),
    ("group", {"name": "x" * 256}, "name"),
    ("group", {"monitorsNewGroupId": 0}, "monitorsNewGroupId"),
    ("page", {}, NOTHING),
    ("page", {"status": "ACTIVE"}, "status"),
    ("page", {"monitorSort": "name"}, "monitorSort"),
    ("page", {"gaCode": "UA-1"}, "gaCode"),
    ("page", {"homepageLink": "x" * 256}, "homepageLink"),
    ("page", {"customSettings": {"page": {"theme": "blue"}}}, "customSettings.page.theme"),
    ("page", {"customSettings": {"page": {"layout": "left"}}}, "customSettings.page.layout"),
    ("page", {"customSettings": {"page": {"density": "high"}}}, "customSettings.page.density"),
]
SENTRY_ROWS: list[Row] = [
    *((kind, {}, NOTHING) for kind in ("team", "app", "key", "alert", "metric", "cron", "uptime")),
    *((kind, {}, NOTHING) for kind in ("ownership", "spikes", "service")),
    ("app", {"teams": []}, "teams"),
    ("app", {"platform": "nodejs"}, "platform"),
    ("app", {"platform": "node-express"}, NOTHING),
    ("app", {"clientSecurity": {"securityTokenHeader": "x" * 21}}, "clientSecurity.securityTokenHeader"),
    ("app", {"clientSecurity": {"allowedDomains": []}}, "clientSecurity.allowedDomains"),
    ("app", {"filters": {"releases": []}}, "filters.releases"),
    ("key", {"rateLimitWindow": 60}, "rateLimitCount"),
    ("key", {"rateLimitWindow": 60, "rateLimitCount": 100}, NOTHING),
    (
        "key",
        {"javascriptLoaderScript": {"debugEnabled": True}},
        "javascriptLoaderScript.performanceMonitoringEnabled",
    ),
    ("key", {"javascriptLoaderScript": {"browserSdkVersion": "10.x"}}, NOTHING),
    ("alert", {"actionFilters": []}, "actionFilters"),
    ("alert", {"actionFilters": NOTHING}, "actionFilters"),
    ("alert", {"actionFilters": [{"logicType": "any", "actions": []}]}, "actionFilters[0].actions"),
    ("alert", {"actionFilters": [{"logicType": "or", "actions": [EMAIL]}]}, "actionFilters[0].logicType"),
    ("alert", {"triggerConditions": [{"firstSeenEvent": {}}, {"regressionEvent": {}}]}, NOTHING),
    (
        "alert",
        {"triggerConditions": [{"firstSeenEvent": {}, "regressionEvent": {}}]},
        "triggerConditions[0].regressionEvent",
    ),
    ("alert", action({"email": {"targetType": "team"}}), "actionFilters[0].actions[0].email.targetId"),
    ("alert", action({"email": {"targetType": "team", "targetId": "1"}}), NOTHING),
    (
        "alert",
        action({"email": {"targetType": "issue_owners"}}),
        "actionFilters[0].actions[0].email.fallthroughType",
    ),
    ("alert", action({"email": {"targetType": "all"}}), "actionFilters[0].actions[0].email.targetType"),
    ("alert", action({**EMAIL, "plugin": {}}), "actionFilters[0].actions[0].plugin"),
    ("alert", action({"plugin": {}}), NOTHING),
    ("alert", action({"slack": {"integrationId": "501"}}), "actionFilters[0].actions[0].slack.channelName"),
    ("alert", filters({"latestRelease": {}}), NOTHING),
    (
        "alert",
        filters({"latestRelease": {}, "issueOccurrences": {"value": 1}}),
        "actionFilters[0].conditions[0].issueOccurrences",
    ),
    ("alert", filters({"eventFrequencyCount": COUNT}), NOTHING),
    (
        "alert",
        filters({"eventFrequencyCount": {**COUNT, "value": 0}}),
        "actionFilters[0].conditions[0].eventFrequencyCount.value",
    ),
    (
        "alert",
        filters({"eventFrequencyCount": {**COUNT, "interval": "2h"}}),
        "actionFilters[0].conditions[0].eventFrequencyCount.interval",
    ),
    (
        "alert",
        filters({"eventFrequencyPercent": COUNT}),
        "actionFilters[0].conditions[0].eventFrequencyPercent.comparisonInterval",
    ),
    (
        "alert",
        filters({"ageComparison": {"time": "year", "value": 1, "comparisonType": "older"}}),
        "actionFilters[0].conditions[0].ageComparison.time",
    ),
    (
        "alert",
        filters({"assignedTo": {"targetType": "Team"}}),
        "actionFilters[0].conditions[0].assignedTo.targetId",
    ),
    (
        "alert",
        filters({"taggedEvent": {"key": "k", "match": "is", "value": "v"}}),
        "actionFilters[0].conditions[0].taggedEvent.value",
    ),
    ("metric", {"dataset": "errors"}, "dataset"),
    ("metric", {"eventTypes": ["errors"]}, "eventTypes[0]"),
    ("metric", {"queryType": "latency"}, "queryType"),
    ("metric", {"extrapolationMode": "all"}, "extrapolationMode"),
    ("metric", {"issueDetection": {"type": "percent"}}, "issueDetection.comparisonDelta"),
    ("metric", {"issueDetection": {"type": "percent", "comparisonDelta": 3600}}, NOTHING),
    (
        "metric",
        {"issueDetection": {"type": "static", "comparisonDelta": 3600}},
        "issueDetection.comparisonDelta",
    ),
    ("metric", condition(type="over", comparison=1), "conditionGroup.conditions[0].type"),
    ("metric", condition(type="gt"), "conditionGroup.conditions[0].comparison"),
    (
        "metric",
        condition(type="anomaly_detection", comparisonSensitivity="high"),
        "conditionGroup.conditions[0].comparisonThresholdType",
    ),
    (
        "metric",
        condition(type="anomaly_detection", comparisonSensitivity="high", comparisonThresholdType="above"),
        NOTHING,
    ),
    ("metric", {"owner": {"teamId": "1", "userId": "2"}}, "owner.userId"),
    ("metric", {"owner": {}}, "owner"),
    (
        "cron",
        {"schedule": {"crontab": "0 3 * * *", "intervalValue": 1, "intervalUnit": "day"}},
        "schedule.intervalValue",
    ),
    ("cron", {"schedule": {}}, "schedule"),
    ("cron", {"schedule": {"intervalValue": 1}}, "schedule.intervalUnit"),
    ("cron", {"schedule": {"intervalValue": 1, "intervalUnit": "day"}}, NOTHING),
    ("cron", {"schedule": {"intervalValue": 1, "intervalUnit": "days"}}, "schedule.intervalUnit"),
    ("cron", {"timezone": "Europe/Berlin"}, NOTHING),
    ("cron", {"timezone": "Berlin"}, "timezone"),
    ("uptime", {"intervalSeconds": 120}, "intervalSeconds"),
    ("uptime", {"method": "QUERY"}, "method"),
    ("uptime", {"body": "x"}, "body"),
    ("uptime", {"method": "POST", "body": "x"}, NOTHING),
    ("uptime", {"environment": NOTHING}, "environment"),
    ("ownership", {"autoAssignment": "on"}, "autoAssignment"),
    ("ownership", {"raw": NOTHING}, "raw"),
    ("spikes", {"enabled": NOTHING}, "enabled"),
]
ROWS = [*TYPES, *NEON_ROWS, *HOST_ROWS, *MONITOR_ROWS, *UPTIMEROBOT_ROWS, *SENTRY_ROWS]


def override(base: Inputs, changes: Inputs) -> Inputs:
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def find_refusals(name: str, changes: Inputs) -> dict[str, str]:
    vendor, kind, base = BASES[name]
    token = f"{vendor}:index/{kind}:{kind[0].upper()}{kind[1:]}"
    inputs, refusals = convert_inputs(override(base, changes), load_package(vendor).resources[token].inputs)
    if not refusals:
        refusals = [found for rule in VENDORS[vendor].resources[kind].rules for found in rule(inputs)]
    return {refusal.property: refusal.reason for refusal in refusals}


@pytest.mark.parametrize(("name", "changes", "property_"), ROWS)
def test_a_preview_refuses_what_the_provider_refuses(
    name: str, changes: Inputs, property_: str | None
) -> None:
    found = find_refusals(name, changes)
    assert property_ in found if property_ else not found, found


def test_an_unknown_property_is_answered_with_the_nearest_known_one() -> None:
    assert find_refusals("http", {"intervall": 60})["intervall"].endswith("did you mean interval?")


def test_a_refusal_never_shows_a_secret() -> None:
    secret = "hunter2-" * 40
    assert find_refusals("http", {"httpPassword": secret})
    assert find_refusals("integration", {"value": [secret]})
    for changes in ({"httpPassword": secret}, {"httpPassword": [secret]}):
        assert "hunter2" not in str(find_refusals("http", changes))


def test_every_resource_type_of_the_schemas_has_a_stand_in() -> None:
    for name, vendor in VENDORS.items():
        kinds = {token.split("/")[1].split(":")[0] for token in load_package(name).resources}
        assert kinds == vendor.resources.keys()


def test_every_name_in_a_specification_is_in_the_schema() -> None:
    for name, vendor in VENDORS.items():
        for token, resource in load_package(name).resources.items():
            spec = vendor.resources[token.split("/")[1].split(":")[0]]
            named = {*spec.defaults, *spec.computed, *spec.replaces, *spec.managed_when_set, *spec.write_only}
            named |= spec.not_on_create | spec.only_on_create
            assert named <= resource.inputs.fields.keys(), token
