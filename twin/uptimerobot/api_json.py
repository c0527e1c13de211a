"""UptimeRobot's API v3 in words: its JSON for each kind of object, from and to the model."""

import json
import zlib
from collections.abc import Callable
from typing import NamedTuple

from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

_MONITOR = {
    "friendlyName": "name",
    "checkSSLErrors": "checkSslErrors",
    "maintenanceWindowsIds": "maintenanceWindowIds",
    "tagNames": "tags",
}
_MONITOR_SAME = (
    *("type", "url", "interval", "timeout", "gracePeriod", "port", "groupId", "regionalData"),
    *("authType", "httpUsername", "httpPassword", "httpMethodType", "successHttpResponseCodes"),
    *("customHttpHeaders", "customFields", "keywordType", "keywordValue", "assignedAlertContacts"),
    *("followRedirections", "sslExpirationReminder", "domainExpirationReminder"),
)
_CASES = ("CaseSensitive", "CaseInsensitive")
_RECORDS = {
    "CNAME": "cnames",
    "MX": "mxes",
    "NS": "ns",
    "A": "as",
    "AAAA": "aaaas",
    "TXT": "txts",
    "SRV": "srvs",
    "PTR": "ptrs",
    "SOA": "soas",
    "SPF": "spfs",
    "DNSKEY": "dnskeys",
    "DS": "ds",
    "NSEC": "nsecs",
    "NSEC3": "nsec3s",
}
_INTEGRATIONS = {
    "slack": ("Slack", "webhookURL"),
    "discord": ("Discord", "webhookURL"),
    "msteams": ("MSTeams", "webhookURL"),
    "mattermost": ("Mattermost", "webhookURL"),
    "googlechat": ("GoogleChat", "roomURL"),
    "webhook": ("Webhook", "urlToNotify"),
    "splunk": ("Splunk", "urlToNotify"),
    "zapier": ("Zapier", "hookURL"),
    "pushover": ("Pushover", "userKey"),
    "pushbullet": ("Pushbullet", "accessToken"),
    "pagerduty": ("PagerDuty", "integrationKey"),
    "telegram": ("Telegram", ""),
}
"""Type -> the API's name of it, and the field in which it takes the address or the key."""
_INTEGRATION = {"friendlyName": "name", "sendAsJSON": "sendAsJson", "customMessage": "customValue"}
_INTEGRATION_SAME = (
    *("sslExpirationReminder", "customValue", "postValue", "sendAsQueryString", "sendAsPostParameters"),
    *("customHeaders", "priority", "location", "autoResolve"),
)
_TOLD = ("UpAndDown", "Down", "Up", "None")
_EVENTS = {"UpAndDown": "up_and_down", "Down": "down", "Up": "up", "None": "none"}
_CONTACTS = {"Email": "email", "MobileAppOld": "mobile_app_old", "MobileApp": "mobile_app"}
_SORTS = ("friendly_name_asc", "friendly_name_desc", "status_up_down_paused", "status_down_up_paused")
_PAGE = {"friendlyName": "name"}
_PAGE_SAME = (
    *("customDomain", "password", "tagIds", "status", "gaCode", "shareAnalyticsConsent", "noIndex"),
    *("useSmallCookieConsentModal", "icon", "logo", "hideUrlLinks", "showCookieBar", "homepageLink"),
    *("pinnedAnnouncementId", "subscription", "customSettings"),
)
_WINDOW = ("name", "interval", "date", "time", "duration", "autoAddMonitors", "monitorIds", "days")


class ObjectFormat(NamedTuple):
    """One kind: `path` of its collection, what a POST must name, and the translation both ways."""

    kind: str
    path: str
    required: tuple[str, ...]
    said: Callable[[Attributes], Attributes]
    told: Callable[[str, Attributes], Attributes]


def _renamed(body: Attributes, names: dict[str, str], same: tuple[str, ...]) -> Attributes:
    every = names | {name: name for name in same}
    return {every[name]: value for name, value in body.items() if name in every}


def _named(attributes: Attributes, names: dict[str, str], same: tuple[str, ...]) -> Attributes:
    return {api: attributes.get(name) for api, name in (names | {name: name for name in same}).items()}


def monitor_from_json(body: Attributes) -> Attributes:
    wanted = _renamed(body, _MONITOR, _MONITOR_SAME)
    if "keywordCaseType" in body:
        wanted["keywordCaseType"] = _CASES[bool(body["keywordCaseType"])]
    if "responseTimeThreshold" in body:
        wanted["responseTimeThreshold"] = body["responseTimeThreshold"] or None  # 0 takes it away
    if body.get("postValueType") == "KEY_VALUE":
        wanted |= {"postValueKv": body.get("postValueData"), "postValueData": None}
    elif body.get("postValueType"):
        wanted |= {"postValueData": json.dumps(body.get("postValueData")), "postValueKv": None}
    if region := body.get("regionData"):
        wanted["regionData"] = {"regions": region["REGION"], "thresholds": region.get("THRESHOLD") or None}
        if "MANUAL_SELECTED" in region:
            wanted["regionData"]["autoSelect"] = not region["MANUAL_SELECTED"]
    if "config" in body:
        wanted["config"] = _config_said(body["config"] or {})
    return wanted


def monitor_to_json(identifier: str, found: Attributes) -> Attributes:
    names = {api: name for api, name in _MONITOR.items() if api not in {"tagNames", "maintenanceWindowsIds"}}
    told = _named(found, names, _MONITOR_SAME)
    region = found.get("regionData")
    form = found.get("postValueKv")
    return told | {
        "id": int(identifier),
        "status": found["status"],
        "timeout": found.get("timeout", 0),
        "gracePeriod": found.get("gracePeriod", 0),
        "httpPassword": "",  # never told
        "keywordCaseType": _CASES.index(found.get("keywordCaseType", _CASES[0])),
        "responseTimeThreshold": found.get("responseTimeThreshold") or 0,
        "postValueType": found.get("postValueType"),
        "postValueData": form if form is not None else json.loads(found.get("postValueData") or "null"),
        "tags": [{"id": zlib.crc32(name.encode()), "name": name} for name in found["tags"]],
        "assignedAlertContacts": found.get("assignedAlertContacts") or [],
        "maintenanceWindows": [
            {"id": int(window), "autoAddMonitors": False}
            for window in found.get("maintenanceWindowIds") or []
        ],
        "regionalData": _region_told(region) if region else found.get("regionalData"),
        "config": _config_told(found["config"]) if "config" in found else None,
    }


def _region_told(region: Attributes) -> Attributes:
    return {
        "REGION": region["regions"],
        "MANUAL_SELECTED": not region.get("autoSelect", False),
        "THRESHOLD": region.get("thresholds") or {},
    }


def _config_said(config: Attributes) -> Attributes:
    wanted = {name: value for name, value in config.items() if value is not None}
    if "dnsRecords" in wanted:
        wanted["dnsRecords"] = _renamed(wanted["dnsRecords"], _RECORDS, ())
    if assertions := wanted.get("apiAssertions"):
        checks = [
            check | ({"target": json.dumps(check["target"])} if "target" in check else {})
            for check in assertions["checks"]
        ]
        wanted["apiAssertions"] = {**assertions, "checks": checks}
    return wanted


def _config_told(config: Attributes) -> Attributes:
    told = dict(config)
    if "dnsRecords" in told:
        records = _named(told["dnsRecords"], _RECORDS, ())
        told["dnsRecords"] = {name: values for name, values in records.items() if values is not None}
    if assertions := told.get("apiAssertions"):
        checks = [
            check | ({"target": json.loads(check["target"])} if "target" in check else {})
            for check in assertions["checks"]
        ]
        told["apiAssertions"] = {**assertions, "checks": checks}
    return told


def integration_from_json(body: Attributes) -> Attributes:
    data = body.get("data") or {}
    type_ = next((name for name, (title, _) in _INTEGRATIONS.items() if title == body["type"]), None)
    if type_ is None:
        raise VendorError(
            400, f"type must be one of {', '.join(title for title, _ in _INTEGRATIONS.values())}."
        )
    wanted: Attributes = {"type": type_, **_renamed(data, _INTEGRATION, _INTEGRATION_SAME)}
    if "enableNotificationsFor" in data:
        wanted["enableNotificationsFor"] = _TOLD.index(data["enableNotificationsFor"]) + 1
    value = data.get(_INTEGRATIONS[type_][1])
    if value is not None:
        wanted["value"] = value
    if type_ == "webhook":
        # A client leaves out those that are false, in a PATCH too (`omitempty`).
        flags = ("sendAsJson", "sendAsQueryString", "sendAsPostParameters")
        wanted |= {flag: wanted.get(flag, False) for flag in flags}
    return wanted


def integration_to_json(identifier: str, found: Attributes) -> Attributes:
    told: Attributes = {
        "id": int(identifier),
        "friendlyName": found["name"],
        "type": _INTEGRATIONS[found["type"]][0],
        "status": found["status"],
        "value": found.get("value", ""),
        "enableNotificationsFor": _TOLD[found.get("enableNotificationsFor", 1) - 1],
        **_named(
            found, {}, ("sslExpirationReminder", "customValue", "customHeaders", "priority", "location")
        ),
        "autoResolve": found.get("autoResolve", False),
    }
    if _INTEGRATIONS[found["type"]][1] == "webhookURL":
        told["webhookURL"] = found.get("value", "")
    if found["type"] == "webhook":
        told["customValue"] = json.dumps(
            {
                "postValue": found.get("postValue"),
                "sendJSON": found["sendAsJson"],
                "sendQuery": found["sendAsQueryString"],
                "sendPost": found["sendAsPostParameters"],
            }
        )
    return told


def contact_from_json(body: Attributes) -> Attributes:
    names = {"friendlyName": "name", "pushToken": "pushToken"}
    same = ("value", "sslExpirationReminder", "isActive", "oneSignalSubscriptionId", "oneSignalUserId")
    wanted = _renamed(body, names, (*same, "deviceFingerprint"))
    if "type" in body:
        if body["type"] not in _CONTACTS:
            raise VendorError(400, f"type must be one of {', '.join(_CONTACTS)}.")
        wanted["type"] = _CONTACTS[body["type"]]
    if "enableNotificationsFor" in body:
        wanted["notificationEvents"] = _EVENTS[body["enableNotificationsFor"]]
    config = body.get("config") or {}
    channels = {"android_push_up_channel": "androidPushUpChannel"}
    return wanted | _renamed(config, channels | {"android_push_down_channel": "androidPushDownChannel"}, ())


def contact_to_json(identifier: str, found: Attributes) -> Attributes:
    return {
        "id": int(identifier),
        "friendlyName": found["name"],
        "type": next(title for title, type_ in _CONTACTS.items() if type_ == found["type"]),
        "value": found.get("value") or found.get("pushToken"),
        "customValue": found.get("oneSignalSubscriptionId"),
        "enableNotificationsFor": next(
            t for t, name in _EVENTS.items() if name == found["notificationEvents"]
        ),
        "sslExpirationReminder": found["sslExpirationReminder"],
        "mobileProviderId": found["mobileProviderId"],
        "orgAlertContactId": found["orgAlertContactId"],
        "status": "Active" if found["isActive"] else "Paused",
        "config": {
            "android_push_up_channel": found.get("androidPushUpChannel", ""),
            "android_push_down_channel": found.get("androidPushDownChannel", ""),
        },
    }


def window_from_json(body: Attributes) -> Attributes:
    return _renamed(body, {}, _WINDOW)


def window_to_json(identifier: str, found: Attributes) -> Attributes:
    return {"id": int(identifier), **_named(found, {}, _WINDOW), "status": found["status"]}


def group_from_json(body: Attributes) -> Attributes:
    return _renamed(body, {}, ("name",))


def group_to_json(identifier: str, found: Attributes) -> Attributes:
    return {"id": int(identifier), **_named(found, {}, ("name", "createdAt", "updatedAt"))}


def status_page_from_json(body: Attributes) -> Attributes:
    wanted = _renamed(body, _PAGE, _PAGE_SAME)
    if "sort" in body:
        wanted["monitorSort"] = _SORTS[body["sort"] - 1]
    if (monitors := body.get("monitorIds")) is not None:
        wanted |= {"autoAddMonitors": False, "monitorIds": monitors}
    return wanted


def status_page_to_json(identifier: str, found: Attributes) -> Attributes:
    told = _named(found, _PAGE, tuple(name for name in _PAGE_SAME if name != "password"))
    return told | {
        "id": int(identifier),
        "monitorIds": found["monitorIds"],
        "monitorsCount": found["monitorsCount"],
        "isPasswordSet": found["isPasswordSet"],
        "urlKey": found["urlKey"],
        "sort": _SORTS.index(found.get("monitorSort", _SORTS[0])) + 1,
    }


KINDS: tuple[ObjectFormat, ...] = (
    ObjectFormat(
        "monitor", "/monitors", ("friendlyName", "type", "interval"), monitor_from_json, monitor_to_json
    ),
    ObjectFormat(
        "integration", "/integrations", ("type", "data"), integration_from_json, integration_to_json
    ),
    ObjectFormat("alertContact", "/alert-contacts", ("type",), contact_from_json, contact_to_json),
    ObjectFormat(
        "maintenanceWindow",
        "/maintenance-windows",
        ("name", "interval", "time", "duration"),
        window_from_json,
        window_to_json,
    ),
    ObjectFormat("monitorGroup", "/monitor-groups", ("name",), group_from_json, group_to_json),
    ObjectFormat("psp", "/psps", ("friendlyName",), status_page_from_json, status_page_to_json),
)
