"""Translate each kind of object between the JSON of UptimeRobot's API v3 and the model's attributes."""

import json
import zlib
from collections.abc import Callable
from typing import NamedTuple

from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

_MONITOR_FIELDS = {
    "friendlyName": "name",
    "checkSSLErrors": "checkSslErrors",
    "maintenanceWindowsIds": "maintenanceWindowIds",
    "tagNames": "tags",
}
_MONITOR_SAME_FIELDS = (
    *("type", "url", "interval", "timeout", "gracePeriod", "port", "groupId", "regionalData"),
    *("authType", "httpUsername", "httpPassword", "httpMethodType", "successHttpResponseCodes"),
    *("customHttpHeaders", "customFields", "keywordType", "keywordValue", "assignedAlertContacts"),
    *("followRedirections", "sslExpirationReminder", "domainExpirationReminder"),
)
_KEYWORD_CASES = ("CaseSensitive", "CaseInsensitive")
_DNS_RECORD_FIELDS = {
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
_INTEGRATION_TYPES = {
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
"""Type -> the API's name of the type, and its field for the address or the key."""
_INTEGRATION_FIELDS = {"friendlyName": "name", "sendAsJSON": "sendAsJson", "customMessage": "customValue"}
_INTEGRATION_SAME_FIELDS = (
    *("sslExpirationReminder", "customValue", "postValue", "sendAsQueryString", "sendAsPostParameters"),
    *("customHeaders", "priority", "location", "autoResolve"),
)
_INTEGRATION_EVENTS = ("UpAndDown", "Down", "Up", "None")
_CONTACT_EVENTS = {"UpAndDown": "up_and_down", "Down": "down", "Up": "up", "None": "none"}
_CONTACT_TYPES = {"Email": "email", "MobileAppOld": "mobile_app_old", "MobileApp": "mobile_app"}
_SORTS = ("friendly_name_asc", "friendly_name_desc", "status_up_down_paused", "status_down_up_paused")
_STATUS_PAGE_FIELDS = {"friendlyName": "name"}
_STATUS_PAGE_SAME_FIELDS = (
    *("customDomain", "password", "tagIds", "status", "gaCode", "shareAnalyticsConsent", "noIndex"),
    *("useSmallCookieConsentModal", "icon", "logo", "hideUrlLinks", "showCookieBar", "homepageLink"),
    *("pinnedAnnouncementId", "subscription", "customSettings"),
)
_WINDOW_FIELDS = ("name", "interval", "date", "time", "duration", "autoAddMonitors", "monitorIds", "days")


class ObjectFormat(NamedTuple):
    """One kind of object: the path of its collection, the fields that a POST requires, the translation."""

    kind: str
    path: str
    required: tuple[str, ...]
    from_json: Callable[[Attributes], Attributes]
    to_json: Callable[[str, Attributes], Attributes]


def _fields_from_json(body: Attributes, names: dict[str, str], same: tuple[str, ...]) -> Attributes:
    every = names | {name: name for name in same}
    return {every[name]: value for name, value in body.items() if name in every}


def _fields_to_json(attributes: Attributes, names: dict[str, str], same: tuple[str, ...]) -> Attributes:
    return {api: attributes.get(name) for api, name in (names | {name: name for name in same}).items()}


def monitor_from_json(body: Attributes) -> Attributes:
    attributes = _fields_from_json(body, _MONITOR_FIELDS, _MONITOR_SAME_FIELDS)
    if "keywordCaseType" in body:
        attributes["keywordCaseType"] = _KEYWORD_CASES[bool(body["keywordCaseType"])]
    if "responseTimeThreshold" in body:
        attributes["responseTimeThreshold"] = body["responseTimeThreshold"] or None  # 0 removes the threshold
    if body.get("postValueType") == "KEY_VALUE":
        attributes |= {"postValueKv": body.get("postValueData"), "postValueData": None}
    elif body.get("postValueType"):
        attributes |= {"postValueData": json.dumps(body.get("postValueData")), "postValueKv": None}
    if region := body.get("regionData"):
        attributes["regionData"] = {
            "regions": region["REGION"],
            "thresholds": region.get("THRESHOLD") or None,
        }
        if "MANUAL_SELECTED" in region:
            attributes["regionData"]["autoSelect"] = not region["MANUAL_SELECTED"]
    if "config" in body:
        attributes["config"] = _config_from_json(body["config"] or {})
    return attributes


def monitor_to_json(identifier: str, attributes: Attributes) -> Attributes:
    names = {
        api: name for api, name in _MONITOR_FIELDS.items() if api not in {"tagNames", "maintenanceWindowsIds"}
    }
    body = _fields_to_json(attributes, names, _MONITOR_SAME_FIELDS)
    region = attributes.get("regionData")
    form = attributes.get("postValueKv")
    return body | {
        "id": int(identifier),
        "status": attributes["status"],
        "timeout": attributes.get("timeout", 0),
        "gracePeriod": attributes.get("gracePeriod", 0),
        "httpPassword": "",  # the API never shows it
        "keywordCaseType": _KEYWORD_CASES.index(attributes.get("keywordCaseType", _KEYWORD_CASES[0])),
        "responseTimeThreshold": attributes.get("responseTimeThreshold") or 0,
        "postValueType": attributes.get("postValueType"),
        "postValueData": form if form is not None else json.loads(attributes.get("postValueData") or "null"),
        "tags": [{"id": zlib.crc32(name.encode()), "name": name} for name in attributes["tags"]],
        "assignedAlertContacts": attributes.get("assignedAlertContacts") or [],
        "maintenanceWindows": [
            {"id": int(window), "autoAddMonitors": False}
            for window in attributes.get("maintenanceWindowIds") or []
        ],
        "regionalData": _region_to_json(region) if region else attributes.get("regionalData"),
        "config": _config_to_json(attributes["config"]) if "config" in attributes else None,
    }


def _region_to_json(region: Attributes) -> Attributes:
    return {
        "REGION": region["regions"],
        "MANUAL_SELECTED": not region.get("autoSelect", False),
        "THRESHOLD": region.get("thresholds") or {},
    }


def _config_from_json(config: Attributes) -> Attributes:
    attributes = {name: value for name, value in config.items() if value is not None}
    if "dnsRecords" in attributes:
        attributes["dnsRecords"] = _fields_from_json(attributes["dnsRecords"], _DNS_RECORD_FIELDS, ())
    if assertions := attributes.get("apiAssertions"):
        checks = [
            check | ({"target": json.dumps(check["target"])} if "target" in check else {})
            for check in assertions["checks"]
        ]
        attributes["apiAssertions"] = {**assertions, "checks": checks}
    return attributes


def _config_to_json(config: Attributes) -> Attributes:
    translated = dict(config)
    if "dnsRecords" in translated:
        records = _fields_to_json(translated["dnsRecords"], _DNS_RECORD_FIELDS, ())
        translated["dnsRecords"] = {name: values for name, values in records.items() if values is not None}
    if assertions := translated.get("apiAssertions"):
        checks = [
            check | ({"target": json.loads(check["target"])} if "target" in check else {})
            for check in assertions["checks"]
        ]
        translated["apiAssertions"] = {**assertions, "checks": checks}
    return translated


def integration_from_json(body: Attributes) -> Attributes:
    data = body.get("data") or {}
    type_ = next((name for name, (title, _) in _INTEGRATION_TYPES.items() if title == body["type"]), None)
    if type_ is None:
        raise VendorError(
            400, f"type must be one of {', '.join(title for title, _ in _INTEGRATION_TYPES.values())}."
        )
    attributes: Attributes = {
        "type": type_,
        **_fields_from_json(data, _INTEGRATION_FIELDS, _INTEGRATION_SAME_FIELDS),
    }
    if "enableNotificationsFor" in data:
        attributes["enableNotificationsFor"] = _INTEGRATION_EVENTS.index(data["enableNotificationsFor"]) + 1
    value = data.get(_INTEGRATION_TYPES[type_][1])
    if value is not None:
        attributes["value"] = value
    if type_ == "webhook":
        # The provider's client leaves out the flags that are false, in a PATCH too (`omitempty`).
        flags = ("sendAsJson", "sendAsQueryString", "sendAsPostParameters")
        attributes |= {flag: attributes.get(flag, False) for flag in flags}
    return attributes


def integration_to_json(identifier: str, attributes: Attributes) -> Attributes:
    body: Attributes = {
        "id": int(identifier),
        "friendlyName": attributes["name"],
        "type": _INTEGRATION_TYPES[attributes["type"]][0],
        "status": attributes["status"],
        "value": attributes.get("value", ""),
        "enableNotificationsFor": _INTEGRATION_EVENTS[attributes.get("enableNotificationsFor", 1) - 1],
        **_fields_to_json(
            attributes, {}, ("sslExpirationReminder", "customValue", "customHeaders", "priority", "location")
        ),
        "autoResolve": attributes.get("autoResolve", False),
    }
    if _INTEGRATION_TYPES[attributes["type"]][1] == "webhookURL":
        body["webhookURL"] = attributes.get("value", "")
    if attributes["type"] == "webhook":
        body["customValue"] = json.dumps(
            {
                "postValue": attributes.get("postValue"),
                "sendJSON": attributes["sendAsJson"],
                "sendQuery": attributes["sendAsQueryString"],
                "sendPost": attributes["sendAsPostParameters"],
            }
        )
    return body


def contact_from_json(body: Attributes) -> Attributes:
    names = {"friendlyName": "name", "pushToken": "pushToken"}
    same = ("value", "sslExpirationReminder", "isActive", "oneSignalSubscriptionId", "oneSignalUserId")
    attributes = _fields_from_json(body, names, (*same, "deviceFingerprint"))
    if "type" in body:
        if body["type"] not in _CONTACT_TYPES:
            raise VendorError(400, f"type must be one of {', '.join(_CONTACT_TYPES)}.")
        attributes["type"] = _CONTACT_TYPES[body["type"]]
    if "enableNotificationsFor" in body:
        attributes["notificationEvents"] = _CONTACT_EVENTS[body["enableNotificationsFor"]]
    config = body.get("config") or {}
    channels = {"android_push_up_channel": "androidPushUpChannel"}
    return attributes | _fields_from_json(
        config, channels | {"android_push_down_channel": "androidPushDownChannel"}, ()
    )


def contact_to_json(identifier: str, attributes: Attributes) -> Attributes:
    return {
        "id": int(identifier),
        "friendlyName": attributes["name"],
        "type": next(title for title, type_ in _CONTACT_TYPES.items() if type_ == attributes["type"]),
        "value": attributes.get("value") or attributes.get("pushToken"),
        "customValue": attributes.get("oneSignalSubscriptionId"),
        "enableNotificationsFor": next(
            title for title, event in _CONTACT_EVENTS.items() if event == attributes["notificationEvents"]
        ),
        "sslExpirationReminder": attributes["sslExpirationReminder"],
        "mobileProviderId": attributes["mobileProviderId"],
        "orgAlertContactId": attributes["orgAlertContactId"],
        "status": "Active" if attributes["isActive"] else "Paused",
        "config": {
            "android_push_up_channel": attributes.get("androidPushUpChannel", ""),
            "android_push_down_channel": attributes.get("androidPushDownChannel", ""),
        },
    }


def window_from_json(body: Attributes) -> Attributes:
    return _fields_from_json(body, {}, _WINDOW_FIELDS)


def window_to_json(identifier: str, attributes: Attributes) -> Attributes:
    return {
        "id": int(identifier),
        **_fields_to_json(attributes, {}, _WINDOW_FIELDS),
        "status": attributes["status"],
    }


def group_from_json(body: Attributes) -> Attributes:
    return _fields_from_json(body, {}, ("name",))


def group_to_json(identifier: str, attributes: Attributes) -> Attributes:
    return {"id": int(identifier), **_fields_to_json(attributes, {}, ("name", "createdAt", "updatedAt"))}


def status_page_from_json(body: Attributes) -> Attributes:
    attributes = _fields_from_json(body, _STATUS_PAGE_FIELDS, _STATUS_PAGE_SAME_FIELDS)
    if "sort" in body:
        attributes["monitorSort"] = _SORTS[body["sort"] - 1]
    if (monitors := body.get("monitorIds")) is not None:
        attributes |= {"autoAddMonitors": False, "monitorIds": monitors}
    return attributes


def status_page_to_json(identifier: str, attributes: Attributes) -> Attributes:
    body = _fields_to_json(
        attributes,
        _STATUS_PAGE_FIELDS,
        tuple(name for name in _STATUS_PAGE_SAME_FIELDS if name != "password"),
    )
    return body | {
        "id": int(identifier),
        "monitorIds": attributes["monitorIds"],
        "monitorsCount": attributes["monitorsCount"],
        "isPasswordSet": attributes["isPasswordSet"],
        "urlKey": attributes["urlKey"],
        "sort": _SORTS.index(attributes.get("monitorSort", _SORTS[0])) + 1,
    }


OBJECT_FORMATS: tuple[ObjectFormat, ...] = (
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
