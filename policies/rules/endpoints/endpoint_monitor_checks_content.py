"""A monitor that is content with any answer is refused."""

import re
from collections.abc import Iterator
from typing import Any, Final

from pulumi_policy import Severity

from policies.facts.endpoints import Endpoint, judged_by_monitor, publishers
from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, best, expect, one_of
from policies.framework.stack import PolicyStack, Resource

_GOOD_CODE: Final = re.compile(r"[23](\d\d|xx)", re.IGNORECASE)


def _lacks(monitor: Resource, endpoint: Endpoint, _stack: PolicyStack, _limits: Parameters) -> Iterator[Text]:
    codes = monitor.at("successHttpResponseCodes").each()
    if not codes:
        yield say("{monitor} does not say which answers are good", monitor=monitor)
    elif any(isinstance(code, Known) and not _is_good(code.value) for code in codes):
        yield say("{monitor} takes an error's code for a good answer", monitor=monitor)
    elif Unknown() in codes:
        yield undecided(monitor, "successHttpResponseCodes")
    if endpoint.critical:
        attempts = [_keyword(monitor)]
        if monitor.at("type") == Known("API"):
            attempts.append(
                expect(monitor, "config.apiAssertions.checks", bool, "asserts nothing of the answer")
            )
        yield from best(attempts, [])


def _keyword(monitor: Resource) -> list[Text]:
    return [
        *expect(monitor, "type", one_of("KEYWORD"), "does not look for a keyword"),
        *expect(monitor, "keywordValue", _is_text, "looks for no keyword"),
        *expect(
            monitor, "keywordType", one_of("ALERT_NOT_EXISTS"), "must alert where the keyword is missing"
        ),
    ]


def _is_good(code: Any) -> bool:
    return isinstance(code, str) and bool(_GOOD_CODE.fullmatch(code))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


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
    judge=judged_by_monitor(_lacks),
)
