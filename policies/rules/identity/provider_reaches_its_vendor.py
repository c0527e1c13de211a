"""A provider that talks to another address than its vendor's, or doesn't check it, is refused."""

from collections.abc import Iterator
from typing import Final, LiteralString
from urllib.parse import urlsplit

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_AWS: Final = "pulumi:providers:aws"
_HOSTS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_SWITCHES: Final[tuple[tuple[LiteralString, LiteralString], ...]] = (
    ("insecure", "does not check the certificate of what it talks to"),
    ("insecureTls", "does not check the certificate of what it talks to"),
    ("skipRequestingAccountId", "does not ask which account it works in"),
)
_VENDORS: Final = {
    "pulumi:providers:pagerduty": (".pagerduty.com",),
    "pulumi:providers:uptimerobot": (".uptimerobot.com",),
}
"""Type -> the hosts of a vendor that nobody else runs."""

_ADDRESSES: Final[dict[str, LiteralString]] = {
    "pulumi:providers:pagerduty": "apiUrlOverride",
    "pulumi:providers:sentry": "baseUrl",
    "pulumi:providers:uptimerobot": "apiUrl",
}
"""Type -> the input with the address of its API, which somebody may run themselves."""


def _judge(provider: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    for switch, problem in _SWITCHES:
        match provider.at(switch):
            case Known(True | "true"):
                yield message("it " + problem)
            case Unknown():
                yield unknown_value(provider, switch)
            case _:
                pass
    if provider.type in _ADDRESSES:
        name = _ADDRESSES[provider.type]
        yield from _check(provider, name, provider.at(name), _VENDORS.get(provider.type, ()))
        return
    if not isinstance(provider.at("customCaBundle"), Absent):
        yield message("it takes the certificates of an authority of somebody's own")
    for entry in provider.at("endpoints").each():
        if isinstance(entry, Unknown):
            yield unknown_value(provider, "endpoints")
        for address in entry.items().values():
            yield from _check(provider, "endpoints", address, _HOSTS)


def _check(
    provider: Resource, name: LiteralString, address: PropertyValue, hosts: tuple[str, ...]
) -> Iterator[Message]:
    match address:
        case Unknown():
            yield unknown_value(provider, name)
        case Known(str(text)):
            parts = urlsplit(text)
            if parts.scheme != "https":
                yield message("its " + name + " is reached without encryption")
            elif hosts and not (parts.hostname or "").endswith(hosts):
                yield message("its " + name + " has an address that is not the vendor's")
        case _:
            pass


RULE: Final = Rule(
    id="provider-reaches-its-vendor",
    title="Every provider talks to its vendor, in the account that it names, and checks that it does",
    violated="may talk to somebody else",
    severity=Severity.CRITICAL,
    risk="Whoever answers in the vendor's place gets the secrets, and says that everything is as declared.",
    fix=(
        "Leave out `endpoints` of other hosts, `insecure`, `insecureTls`, `customCaBundle` and "
        "`skipRequestingAccountId`; give addresses of a "
        "service that you run yourself with https."
    ),
    controls=(Control.NIST_SC_8, Control.NIST_CM_2, Control.SOC_CC6_1, Control.ISO_A_8_9),
    subjects=of_type(_AWS, *_ADDRESSES),
    judge=_judge,
)
