"""UptimeRobot's provider (uptimerobot 1.10.0): its input rules, defaults and replacements, by its source."""

import re
from collections.abc import Iterator
from http import HTTPStatus

from twin.provider.rules import find_values, length, matches, one_of, within
from twin.provider.server import InputRefusal
from twin.provider.terraform_diff import parse_json
from twin.provider.terraform_spec import ResourceSpec, VendorSpec
from twin.provider.values import UNKNOWN, Properties, has_unknown
from twin.uptimerobot.provider_monitor import MONITOR_RULES

_INTEGRATIONS = (
    *("slack", "webhook", "discord", "telegram", "pushover", "pushbullet", "msteams", "zapier", "pagerduty"),
    *("googlechat", "splunk", "mattermost"),
)
_PUSH_FIELDS = frozenset(
    {
        *("oneSignalSubscriptionId", "oneSignalUserId", "deviceFingerprint", "pushToken"),
        *("androidPushUpChannel", "androidPushDownChannel"),
    }
)
_SORTS = ("friendly_name_asc", "friendly_name_desc", "status_up_down_paused", "status_down_up_paused")


def _check_header_names(inputs: Properties) -> Iterator[InputRefusal]:
    for where, headers in find_values(inputs, "customHeaders"):
        for name in headers:
            if not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name):
                yield InputRefusal(where, f"{where} has {name!r}, which is no header name")


def _check_window_days(inputs: Properties) -> Iterator[InputRefusal]:
    days, interval = inputs.get("days"), inputs.get("interval")
    if interval in {"weekly", "monthly"} and (days is None or days == []):
        yield InputRefusal("days", f"days is required when interval is {interval!r}")
    if interval in {"once", "daily"} and days is not UNKNOWN and days:
        yield InputRefusal("days", f"days is not allowed when interval is {interval!r}")


def _check_window_monitors(inputs: Properties) -> Iterator[InputRefusal]:
    monitors, all_monitors = inputs.get("monitorIds"), inputs.get("autoAddMonitors")
    if monitors is None or has_unknown(monitors):
        return
    if 0 in monitors and len(monitors) > 1:
        yield InputRefusal("monitorIds", "monitorIds must be specific ids, or [0] for all monitors, not both")
    elif all_monitors is not None and all_monitors is not UNKNOWN and all_monitors != (monitors == [0]):
        yield InputRefusal("monitorIds", f"monitorIds contradicts autoAddMonitors, which is {all_monitors!r}")


UPTIMEROBOT = VendorSpec(
    title="UptimeRobot",
    scalar_lists_are_sets=True,
    object_sets=frozenset({"assignedAlertContacts"}),
    repeats_creation=lambda kind, status: (
        kind == "integration" and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ),
    resources={
        "monitor": ResourceSpec(
            rules=MONITOR_RULES,
            defaults={
                "sslExpirationReminder": False,
                "domainExpirationReminder": False,
                "followRedirections": False,
                "checkSslErrors": False,
                "authType": "HTTP_BASIC",
            },
            replaces=frozenset({"type"}),
            managed_when_set=frozenset(
                {
                    *("assignedAlertContacts", "maintenanceWindowIds", "isPaused", "customFields"),
                    *("customHttpHeaders", "regionData", "regionalData", "config"),
                    *("groupId", "tags", "successHttpResponseCodes"),
                }
            ),
            write_only=frozenset({"httpPassword", "postValueData", "postValueKv"}),
            normalize={
                "postValueData": parse_json,
                "target": parse_json,
                "customHttpHeaders": lambda headers: {name.lower(): headers[name] for name in headers},
            },
        ),
        "integration": ResourceSpec(
            rules=(
                one_of("type", *_INTEGRATIONS),
                within("enableNotificationsFor", 1, 4),
                one_of("priority", "Lowest", "Low", "Normal", "High", "Emergency"),
                one_of("location", "us", "eu"),
                _check_header_names,
            ),
        ),
        "alertContact": ResourceSpec(
            rules=(
                one_of("type", "email", "mobile_app_old", "mobile_app"),
                one_of("notificationEvents", "up_and_down", "down", "up", "none"),
            ),
            defaults={"notificationEvents": "up_and_down", "sslExpirationReminder": False},
            replaces=frozenset({"type", "value"}) | _PUSH_FIELDS,
        ),
        "maintenanceWindow": ResourceSpec(
            rules=(
                one_of("interval", "once", "daily", "weekly", "monthly"),
                matches(
                    "date", r"(19|20)\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "have the form YYYY-MM-DD"
                ),
                matches("time", r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d", "have the form HH:mm:ss"),
                within("days[]", -1, 31),
                within("monitorIds[]", 0),
                _check_window_days,
                _check_window_monitors,
            ),
        ),
        "monitorGroup": ResourceSpec(
            rules=(length("name", 255, least=1), within("monitorsNewGroupId", 1)),
            write_only=frozenset({"monitorsNewGroupId"}),
        ),
        "psp": ResourceSpec(
            rules=(
                one_of("monitorSort", *_SORTS),
                one_of("status", "ENABLED", "PAUSED"),
                length("homepageLink", 255),
                matches("gaCode", r"G-[A-Z0-9]{10}", "have the form G-XXXXXXXXXX"),
                one_of("customSettings.page.layout", "logo_on_left", "logo_on_center"),
                one_of("customSettings.page.theme", "light", "dark"),
                one_of("customSettings.page.density", "normal", "compact"),
            ),
            managed_when_set=frozenset({"customSettings"}),
            write_only=frozenset({"password", "icon", "logo"}),
        ),
    },
)
