"""A public endpoint that nobody would be told about when it is down is refused."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from pulumi_policy import Severity

from policies.contacts import reaches_nobody
from policies.reading import Known, Reading, Unknown
from policies.resources import Resource, Stack
from policies.rule import Control, Finding, Framework, Rule, best, expect, one_of, undecided
from policies.wording import Text, listed, origin, say

_MONITOR: Final = "uptimerobot:index/monitor:Monitor"
_PLATFORM: Final = "bulwark:index:Platform"
_HEALTH: Final = "/health"
_LOOKING: Final = (Known("HTTP"), Known("KEYWORD"), Known("API"))  # the types that ask for a page
_PORTS: Final = {"http": 80, "https": 443}


def _find(stack: Stack) -> Iterator[Finding]:
    for platform in stack.of(_PLATFORM):
        if not platform.at("endpoints").each():
            yield Finding(platform, say("{platform} publishes no endpoint", platform=platform))
    for publisher in stack.publishing("endpoints"):
        for endpoint in publisher.at("endpoints").each():
            if text := _complaint(endpoint, publisher, stack):
                yield Finding(publisher, text)


def _complaint(endpoint: Reading, publisher: Resource, stack: Stack) -> Text | None:
    match endpoint.at("url"):
        case Known(str(url)) if _origin(url):
            # One that doesn't say whether it is critical is.
            reasons = _unwatched(url, critical=endpoint.at("critical") != Known(False), stack=stack)
            text = "nobody is told when {url} is down: {reasons}"
            return say(text, url=origin(url), reasons=listed(reasons)) if reasons else None
        case Unknown():
            return undecided(publisher, "endpoints")
        case _:
            return say("an endpoint of {publisher} has no web address", publisher=publisher)


def _unwatched(url: str, *, critical: bool, stack: Stack) -> list[Text]:
    attempts: list[list[Text]] = []
    hidden: list[Text] = []
    for monitor in stack.of(_MONITOR):
        if monitor.at("type") not in _LOOKING:
            continue
        match monitor.at("url"):
            case Known(str(watched)) if _origin(watched) == _origin(url):
                attempts.append(_shortcomings(monitor, watched, critical=critical, stack=stack))
            case Unknown():
                hidden.append(undecided(monitor, "url"))
            case _:
                pass
    return best(attempts, [say("no monitor looks at it"), *hidden])


def _shortcomings(monitor: Resource, watched: str, *, critical: bool, stack: Stack) -> list[Text]:
    reasons = expect(monitor, "isPaused", one_of(False), "must declare isPaused false")
    if critical and urlsplit(watched).path != _HEALTH:
        reasons.append(say("{monitor} does not look at " + _HEALTH, monitor=monitor))
    return [*reasons, *reaches_nobody(monitor, stack)]


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.scheme not in _PORTS:
        return None
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


RULE: Final = Rule(
    id="endpoint-has-monitor",
    title="Every public endpoint has a monitor whose alert reaches someone",
    severity=Severity.CRITICAL,
    risk="An outage goes on until a customer reports it.",
    fix=(
        "Declare a monitor on the endpoint (on its /health where it is critical) that is not paused, with a "
        "contact of this stack that is active and told when something is down."
    ),
    controls=(
        Control(Framework.SOC_2, "CC7.2"),
        Control(Framework.SOC_2, "CC7.3"),
        Control(Framework.ISO_27001, "A.8.16"),
        Control(Framework.NIST_800_53, "SI-4(12)"),
    ),
    find=_find,
)
