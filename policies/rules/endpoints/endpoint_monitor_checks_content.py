"""A monitor that accepts any response is refused."""

import re
from collections.abc import Iterator
from typing import Any, Final

from pulumi_policy import Severity

from policies.facts.endpoints import Endpoint, asks_for_another_host, judge_by_monitor, publishers
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, accept_any, expect, one_of
from policies.framework.stack import PolicyStack, Resource

_FEWEST_CHARACTERS: Final = 4
_BAD_ANSWERS: Final = (
    "<!doctype html><html><head><title>application error</title></head><body>unavailable</body></html>",
    '{"status":"error","message":"internal server error","database":"down"}',
    '{"status": "degraded", "checks": {"database": {"healthy": false, "ok": false}}}',
)
"""What a service says when it does not work: a keyword in it tells nothing."""

_READING: Final = (Absent(), Known("GET"), Known("POST"))
"""Methods whose answer has a content. Where none is declared, a keyword is looked for with GET."""

_GOOD_CODE: Final = re.compile(r"[23](\d\d|xx)", re.IGNORECASE)


def _check_monitor(
    monitor: Resource, endpoint: Endpoint, _stack: PolicyStack, _limits: Parameters
) -> Iterator[Message]:
    if asks_for_another_host(monitor.at("customHttpHeaders")):
        yield message("{monitor} asks another host by a header", monitor=monitor)
    codes = monitor.at("successHttpResponseCodes").each()
    if not codes:
        yield message("{monitor} does not say which answers are good", monitor=monitor)
    elif any(isinstance(code, Known) and not _is_good_code(code.value) for code in codes):
        yield message("{monitor} takes an error's code for a good answer", monitor=monitor)
    elif Unknown() in codes:
        yield unknown_value(monitor, "successHttpResponseCodes")
    if endpoint.critical:
        alternatives = [_check_keyword(monitor)]
        if monitor.at("type") == Known("API"):
            alternatives.append(
                expect(monitor, "config.apiAssertions.checks", bool, "asserts nothing of the answer")
            )
        yield from accept_any(alternatives, [])


def _check_keyword(monitor: Resource) -> list[Message]:
    method = monitor.at("httpMethodType")
    return [
        *expect(monitor, "type", one_of("KEYWORD"), "does not look for a keyword"),
        *expect(monitor, "keywordValue", _is_text, "looks for no keyword, or for one that any page has"),
        *expect(
            monitor, "keywordType", one_of("ALERT_NOT_EXISTS"), "must alert where the keyword is missing"
        ),
        *([] if method in _READING else _tell_method(monitor, method)),
    ]


def _tell_method(monitor: Resource, method: PropertyValue) -> list[Message]:
    if isinstance(method, Unknown):
        return [unknown_value(monitor, "httpMethodType")]
    return [message("{monitor} does not fetch what it looks into", monitor=monitor)]


def _is_good_code(code: Any) -> bool:
    return isinstance(code, str) and bool(_GOOD_CODE.fullmatch(code))


def _is_text(value: Any) -> bool:
    text = value.strip().casefold() if isinstance(value, str) else ""
    return len(text) >= _FEWEST_CHARACTERS and not any(text in answer for answer in _BAD_ANSWERS)


RULE: Final = Rule(
    id="endpoint-monitor-checks-content",
    title="Every endpoint's monitor declares which answer is good; a critical one reads it",
    violated="has an endpoint whose monitor is content with any answer",
    severity=Severity.HIGH,
    risk="A page that answers while the database behind it is gone counts as up.",
    fix=(
        "Name the good codes in successHttpResponseCodes, 2xx and 3xx only; on a critical endpoint, declare "
        "a KEYWORD monitor with keywordType ALERT_NOT_EXISTS and what /health says when all is well."
    ),
    controls=(Control.SOC_CC7_2, Control.SOC_CC7_3, Control.ISO_A_8_16, Control.NIST_SI_4),
    subjects=publishers,
    judge=judge_by_monitor(_check_monitor),
)
