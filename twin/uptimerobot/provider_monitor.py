"""The input rules of UptimeRobot's provider (1.10.0) for monitors, by its source."""

import html
import ipaddress
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from twin.provider.rules import (
    InputRule,
    at_most_one,
    each,
    find_values,
    is_set,
    length,
    matches,
    one_of,
    size,
    valid_json,
    when,
    within,
)
from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties, has_unknown

_WEB = ("HTTP", "KEYWORD", "API")
_TYPES = (*_WEB, "PING", "PORT", "HEARTBEAT", "DNS", "UDP")
_LONGEST_HEARTBEAT_SECONDS = 31 * 24 * 60 * 60
_REGIONS = ("na", "eu", "as", "oc")
_COMPARISONS = (
    *("equals", "not_equals", "contains", "not_contains"),
    *("greater_than", "less_than", "is_null", "is_not_null"),
)
_KEYWORD_FIELDS = ("keywordType", "keywordCaseType", "keywordValue")


def _types_except(*types: str) -> tuple[str, ...]:
    return tuple(type_ for type_ in _TYPES if type_ not in types)


def _check_url(inputs: Properties) -> Iterator[InputRefusal]:
    """Every type but HEARTBEAT needs a url, and the web types need one with http or https."""
    url, type_ = inputs.get("url"), inputs.get("type")
    if type_ == "HEARTBEAT" or UNKNOWN in (url, type_):
        return
    target = (url or "").strip()
    if not target:
        yield InputRefusal("url", f"url is required when type is {type_!r}")
    elif type_ in _WEB:
        parts = urlsplit(target)
        if parts.scheme.lower() not in {"http", "https"} or not parts.netloc:
            yield InputRefusal("url", f"url must start with http:// or https:// when type is {type_!r}")


def _check_certificate(inputs: Properties) -> Iterator[InputRefusal]:
    url, type_ = inputs.get("url"), inputs.get("type")
    for name in ("sslExpirationReminder", "checkSslErrors"):
        if inputs.get(name) is not True or type_ is UNKNOWN:
            continue
        if type_ not in _WEB:
            yield InputRefusal(name, f"{name} is only for HTTP, KEYWORD and API monitors")
        elif url is not UNKNOWN and not (url or "").lower().startswith("https://"):
            yield InputRefusal(name, f"{name} needs an https:// url")


def _check_heartbeat_interval(inputs: Properties) -> Iterator[InputRefusal]:
    if inputs.get("type") == "HEARTBEAT":
        yield from within("interval", 30, _LONGEST_HEARTBEAT_SECONDS)(inputs)


def _check_body(inputs: Properties) -> Iterator[InputRefusal]:
    if inputs.get("httpMethodType") in {"GET", "HEAD"}:
        for name in ("postValueData", "postValueKv"):
            if is_set(inputs, name):
                yield InputRefusal(name, f"{name} is not allowed with method {inputs['httpMethodType']}")
    if inputs.get("type") == "API" and inputs.get("httpMethodType") == "HEAD":
        yield InputRefusal("httpMethodType", "httpMethodType HEAD is not allowed when type is 'API'")


def _check_contacts(inputs: Properties) -> Iterator[InputRefusal]:
    seen: set[str] = set()
    for where, identifier in find_values(inputs, "assignedAlertContacts[].alertContactId"):
        if identifier in seen:
            yield InputRefusal(where, f"contact {identifier} is assigned twice")
        seen.add(identifier)


def _check_headers(inputs: Properties) -> Iterator[InputRefusal]:
    for where, headers in find_values(inputs, "customHttpHeaders"):
        lowered = [name.strip().lower() for name in headers]
        for name in sorted({name for name in lowered if lowered.count(name) > 1}):
            yield InputRefusal(where, f"{where} has the header {name!r} twice, in different case")


def _check_custom_fields(inputs: Properties) -> Iterator[InputRefusal]:
    for where, fields in find_values(inputs, "customFields"):
        for key in fields:
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key):
                yield InputRefusal(where, f"{where} key {key!r} must have 1 to 64 letters, digits, - or _")


def _check_config(inputs: Properties) -> Iterator[InputRefusal]:
    type_, config = inputs.get("type"), inputs.get("config")
    if type_ in {"DNS", "API", "UDP"} and config is None:
        yield InputRefusal("config", f"config is required when type is {type_!r}")
    if not isinstance(config, dict) or type_ is UNKNOWN:
        return
    allowed = {
        "sslExpirationPeriodDays": _WEB,
        "apiAssertions": ("API",),
        "udp": ("UDP",),
        "dnsRecords": ("DNS",),
        "ipVersion": (*_WEB, "PING", "PORT"),
        "applicationErrorRetries": _WEB,
    }
    properties: Properties = config
    for name, types in allowed.items():
        if is_set(properties, name) and type_ not in types:
            yield InputRefusal(f"config.{name}", f"config.{name} is only for {', '.join(types)} monitors")
    if type_ == "UDP" and properties.get("udp") is not UNKNOWN:
        udp: Properties = properties.get("udp") or {}
        if udp.get("packetLossThreshold") is None:
            yield InputRefusal("config.udp", "config.udp.packetLossThreshold is required when type is 'UDP'")
    if type_ == "API" and properties.get("apiAssertions") is not UNKNOWN:
        yield from _check_assertions(properties.get("apiAssertions") or {})


def _check_assertions(assertions: Properties) -> Iterator[InputRefusal]:
    where = "config.apiAssertions"
    if assertions.get("logic") is None:
        yield InputRefusal(f"{where}.logic", f"{where}.logic is required when type is 'API'")
    checks = assertions.get("checks")
    if checks is UNKNOWN:
        return
    if not 1 <= len(checks or []) <= 5:
        yield InputRefusal(f"{where}.checks", f"{where}.checks must have 1 to 5 elements")
    for index, check in enumerate(checks or []):
        if not has_unknown(check):
            yield from _check_target(f"{where}.checks[{index}].target", check)


def _check_target(where: str, check: Properties) -> Iterator[InputRefusal]:
    """The target must be JSON text, of the type that its comparison expects."""
    try:
        target: Any = json.loads(check.get("target") or "null")
    except ValueError:
        yield InputRefusal(where, f"{where} must be JSON; use json.dumps")
        return
    number = isinstance(target, int | float) and not isinstance(target, bool)
    text = isinstance(target, str) and bool(target.strip())
    requirements: dict[str, tuple[bool, str]] = {
        "is_null": (target is None, "be left out"),
        "is_not_null": (target is None, "be left out"),
        "greater_than": (number, "be a number"),
        "less_than": (number, "be a number"),
        "contains": (text, "be a text"),
        "not_contains": (text, "be a text"),
        "equals": (number or text or isinstance(target, bool), "be a text, number or boolean"),
        "not_equals": (number or text or isinstance(target, bool), "be a text, number or boolean"),
    }
    is_met, requirement = requirements.get(check["comparison"], (True, ""))
    if not is_met:
        yield InputRefusal(where, f"{where} must {requirement} when comparison is {check['comparison']!r}")


def _check_ip_version(inputs: Properties) -> Iterator[InputRefusal]:
    config, url = inputs.get("config"), inputs.get("url")
    version = config.get("ipVersion") if isinstance(config, dict) else None
    literal = _parse_address(url) if isinstance(url, str) else None
    if literal is not None and version == ("ipv6Only" if literal.version == 4 else "ipv4Only"):
        yield InputRefusal("config.ipVersion", f"config.ipVersion {version} contradicts the address in url")


def _parse_address(url: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    for candidate in (url.strip().strip("[]"), urlsplit(url).hostname, urlsplit(f"//{url}").hostname):
        try:
            return ipaddress.ip_address(candidate or "")
        except ValueError:
            continue
    return None


def _check_regions(inputs: Properties) -> Iterator[InputRefusal]:
    for where, data in find_values(inputs, "regionData"):
        regions, thresholds = data.get("regions"), data.get("thresholds")
        if regions is UNKNOWN:
            continue
        if regions is None and (data.get("autoSelect") is not True or thresholds):
            yield InputRefusal(f"{where}.regions", f"{where}.regions is required unless autoSelect is true")
        elif isinstance(thresholds, dict):
            keys: list[str] = list(thresholds)
            for key in keys:
                if key not in (regions or []):
                    yield InputRefusal(
                        f"{where}.thresholds", f"{where}.thresholds names {key!r}, not in regions"
                    )
            if keys and inputs.get("responseTimeThreshold") is not None:
                yield InputRefusal(
                    f"{where}.thresholds", f"{where}.thresholds excludes responseTimeThreshold"
                )


def _plain_text(path: str) -> InputRule:
    return each(path, lambda text: html.unescape(text) == text, "be plain text without HTML entities")


MONITOR_RULES: tuple[InputRule, ...] = (
    one_of("type", *_TYPES),
    within("interval", 30),
    _check_heartbeat_interval,
    within("timeout", 0, 60),
    within("gracePeriod", 0, 86_400),
    within("port", 0, 65_535),
    within("groupId", 0),
    within("responseTimeThreshold", 0, 60_000),
    length("name", 250),
    length("url", 10_000),
    _plain_text("name"),
    _plain_text("url"),
    _check_url,
    at_most_one("", "timeout", "gracePeriod"),
    at_most_one("", "postValueData", "postValueKv"),
    at_most_one("", "regionalData", "regionData"),
    when("", "type", "HEARTBEAT", requires=("gracePeriod",), forbids=("url", "timeout")),
    when("", "type", *_types_except("HEARTBEAT", "DNS"), forbids=("gracePeriod",)),
    when("", "type", "KEYWORD", requires=_KEYWORD_FIELDS),
    when("", "type", *_types_except("KEYWORD"), forbids=_KEYWORD_FIELDS),
    when("", "type", "PORT", "UDP", requires=("port",)),
    when("", "type", *_types_except("PORT", "UDP"), forbids=("port",)),
    one_of("keywordType", "ALERT_EXISTS", "ALERT_NOT_EXISTS"),
    one_of("keywordCaseType", "CaseSensitive", "CaseInsensitive"),
    length("keywordValue", 500),
    one_of("httpMethodType", "HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"),
    one_of("authType", "NONE", "HTTP_BASIC", "DIGEST", "BEARER"),
    length("httpUsername", 255),
    length("httpPassword", 255),
    valid_json("postValueData"),
    _check_body,
    _check_headers,
    size("customFields", 0, 20),
    _check_custom_fields,
    length("customFields[]", 255),
    matches("tags[]", "[^A-Z]+", "be lower-case and not empty"),
    matches("assignedAlertContacts[].alertContactId", r"\d+", "be a numeric id"),
    within("assignedAlertContacts[].threshold", 0),
    within("assignedAlertContacts[].recurrence", 0),
    _check_contacts,
    _check_certificate,
    one_of("regionalData", *_REGIONS),
    size("regionData.regions", 1, 4),
    one_of("regionData.regions[]", *_REGIONS),
    within("regionData.thresholds[]", 0, 60_000),
    _check_regions,
    size("config.sslExpirationPeriodDays", 0, 10),
    within("config.sslExpirationPeriodDays[]", 0, 365),
    one_of("config.ipVersion", "", "ipv4Only", "ipv6Only"),
    within("config.applicationErrorRetries", 0, 3),
    one_of("config.apiAssertions.logic", "AND", "OR"),
    matches("config.apiAssertions.checks[].property", r"\s*\$.{0,499}", "start with $"),
    one_of("config.apiAssertions.checks[].comparison", *_COMPARISONS),
    _check_config,
    _check_ip_version,
)
