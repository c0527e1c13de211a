"""A Sentry project that throws errors away, or keeps them back, is refused."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.endpoints import address_of
from policies.facts.sentry import INBOUND_FILTER, PROJECT, SentryProjects
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule, expect, in_range, of_type
from policies.framework.stack import PolicyStack, Resource

_PATTERNS: Final[tuple[LiteralString, ...]] = ("errorMessages", "releases")
_FEWEST_CHARACTERS: Final = 4
_MOST_ADDRESSES: Final = 256
_FEWEST_HOURS: Final = 72
"""For how long an issue stays open at least: over a weekend."""

_DELAYS: Final[tuple[tuple[LiteralString, float], ...]] = (
    ("digestsMinDelay", 600),
    ("digestsMaxDelay", 1_800),
)
"""Input -> the most seconds for which mails are gathered: Sentry's default is 5 and 30 minutes."""

_COMMON_ERRORS: Final = (
    "Error: Internal Server Error",
    "TypeError: Cannot read properties of undefined (reading 'id')",
    "ReferenceError: user is not defined",
    "UnhandledRejection: Non-Error promise rejection captured",
    "Request failed with status code 500",
    "connect ECONNREFUSED 127.0.0.1:5432",
    "timeout of 10000ms exceeded",
    "ValueError: invalid literal for int() with base 10",
    "KeyError: 'id'",
)
"""Messages of errors that differ in their cause."""

_BROAD: Final = frozenset(
    {"app", "category", "environment", "family", "level", "logger", "os", "platform", "release", "sdk"}
)
"""Matchers of what all errors of one service have in common (Sentry, "Fingerprint Rules")."""

_APART: Final = re.compile(
    r"\{\{\s*(default|error\.(type|value)|function|message|module|stack\.\w+|transaction|type|value)\s*\}\}"
)
"""Variables that give each kind of error another fingerprint."""

_OF_NO_USER: Final = ("browser-extensions", "filtered-transaction", "localhost", "web-crawlers")
"""Filters of what no user of the service has caused (Sentry, "Inbound data filters")."""


def _judge(project: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    yield from _check_filters(project, stack)
    yield from _check_addresses(project)
    yield from _check_domains(project, stack)
    yield from _check_delays(project)
    yield from _check_grouping(project)
    if project.at("resolveAge") not in (Absent(), Known(0.0)):
        yield from expect(
            project, "resolveAge", in_range(_FEWEST_HOURS), "closes issues that nobody has seen"
        )


def _check_grouping(project: Resource) -> Iterator[Message]:
    for name, joins in _GROUPINGS:
        match project.at(name):
            case Known(str(text)):
                if any(map(joins, text.splitlines())):
                    yield message("it makes one issue of errors that have nothing in common")
            case Unknown():
                yield unknown_value(project, name)
            case _:
                pass


def _check_delays(project: Resource) -> Iterator[Message]:
    for name, most in _DELAYS:
        if not isinstance(project.at(name), Absent):
            yield from expect(project, name, in_range(0, most), "holds mails back for too long")


def _check_filters(project: Resource, stack: PolicyStack) -> Iterator[Message]:
    for name in _PATTERNS:
        for pattern in project.at("filters", name).each():
            match pattern:
                case Known(str(text)) if not _fits_many(name, text):
                    pass
                case Known():
                    yield message("it throws away whatever " + name + " has")
                case _:
                    yield unknown_value(project, "filters")
    for inbound in stack.view(SentryProjects).parts(project, INBOUND_FILTER):
        name, active = inbound.at("filterId"), inbound.at("active")
        if isinstance(name, Unknown) or isinstance(active, Unknown):
            yield unknown_value(inbound, "filterId")
        elif active != Known(value=False) and not (isinstance(name, Known) and name.value in _OF_NO_USER):
            yield message("{inbound} throws errors of users away", inbound=inbound)


def _fits_many(name: str, pattern: str) -> bool:
    """Tell whether a pattern fits errors, or releases, that have nothing in common."""
    if len(pattern.strip("*? ")) < _FEWEST_CHARACTERS:
        return True
    if name == "releases":
        return bool(set(pattern) & {"*", "?"}) and not any(one.isdigit() for one in pattern)
    folded = pattern.casefold()
    return sum(fnmatchcase(sample.casefold(), folded) for sample in _COMMON_ERRORS) > 1


def _check_addresses(project: Resource) -> Iterator[Message]:
    for address in project.at("filters", "blacklistedIps").each():
        if isinstance(address, Unknown):
            yield unknown_value(project, "filters")
        elif isinstance(address, Known) and not _is_small(str(address.value)):
            yield message("it throws away what comes from a large part of the internet")


def _is_small(text: str) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).num_addresses <= _MOST_ADDRESSES
    except ValueError:
        return False


def _check_domains(project: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield that the pages of its own service may not report to it."""
    domains = project.at("clientSecurity", "allowedDomains")
    if isinstance(domains, Unknown) or Unknown() in domains.each():
        yield unknown_value(project, "clientSecurity")
        return
    allowed = [str(domain.value) for domain in domains.each() if isinstance(domain, Known)]
    for publisher in stack.publishers("endpoints"):
        for entry in publisher.at("endpoints").each():
            url, own = entry.at("url"), project.at("slug") == entry.at("name")
            address = address_of(str(url.value)) if isinstance(url, Known) else None
            if allowed and own and address and not any(_lets_in(one, address.host) for one in allowed):
                yield message("it takes nothing from the pages of its own service")


def _lets_in(pattern: str, host: str) -> bool:
    """Tell whether an entry such as `*`, `*.example.com` or `https://app.example.com` is about a host."""
    name = pattern.rpartition("//")[2].partition(":")[0]
    return fnmatchcase(host, name) or (name.startswith("*.") and host == name[2:])


def _joins_everything(line: str) -> bool:
    """Tell whether a rule such as `error.type:* -> all` fits anything, and gives it a fixed fingerprint."""
    matchers, arrow, fingerprint = line.partition("->")
    if not arrow or line.lstrip().startswith("#") or _APART.search(fingerprint):
        return False
    return _fits_anything(matchers)


def _fits_anything(matchers: str) -> bool:
    """Tell whether matchers such as `error.type:* level:error` tell no kind of error from another."""
    pairs = [matcher.partition(":")[::2] for matcher in matchers.split()]
    return all(
        name.partition(".")[0] in _BROAD
        or name.startswith("tags.")
        or len(pattern.strip('*?/."')) < _FEWEST_CHARACTERS
        for name, pattern in pairs
    )


def _regroups_everything(line: str) -> bool:
    """Tell whether a rule such as `stack.function:** -group` takes the stack out of all fingerprints."""
    words = line.split()
    actions = [word for word in words if ":" not in word]
    return (
        bool(actions)
        and not line.lstrip().startswith("#")
        and _fits_anything(" ".join(word for word in words if ":" in word))
    )


_GROUPINGS: Final[tuple[tuple[LiteralString, Callable[[str], bool]], ...]] = (
    ("fingerprintingRules", _joins_everything),
    ("groupingEnhancements", _regroups_everything),
)

RULE: Final = Rule(
    id="error-project-drops-nothing",
    title="No Sentry project throws away errors of its users, keeps them back, or takes all for one",
    violated="keeps errors from whoever is to be told",
    severity=Severity.HIGH,
    risk="The errors are sent, nobody is told of them, and every alert is as green as without any.",
    fix=(
        "Leave the project's filters to messages and releases that they name, and of the inbound filters "
        "those that drop what no user has caused; gather mails for half an hour at most; give a fingerprint "
        "to errors that are named."
    ),
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4, Control.ISO_A_8_16),
    subjects=of_type(PROJECT),
    judge=_judge,
)
