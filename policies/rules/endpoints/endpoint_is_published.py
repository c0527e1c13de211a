"""A platform that publishes no endpoints, or one without https, is refused."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from pulumi_policy import Severity

from policies.facts.endpoints import Endpoints, publishers
from policies.facts.resource_types import TypeClass, TypeClasses
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_RAW_PORT: Final = "railway:index/tcpProxy:TcpProxy"


def _judge(publisher: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    if publisher.type == _RAW_PORT:
        yield message("it opens a port of a service to the internet, which no https address is")
        return
    if publisher not in publishers(stack):
        yield message("it can be reached from the internet, and no component publishes its address")
        return
    endpoints = stack.view(Endpoints)
    published, unreadable = endpoints.endpoints_of(publisher), endpoints.unreadable(publisher)
    if publisher.is_component and not published and not unreadable:
        yield message("it names none")
    if published and not unreadable and not any(endpoint.critical for endpoint in published):
        yield message("it calls none of them critical")
    yield from unreadable
    for endpoint in published:
        if endpoint.address.scheme != "https":
            yield from endpoint.prefix([message("is reached without encryption")])


def _find_subjects(stack: PolicyStack) -> list[Resource]:
    """Return what publishes endpoints; where nothing does in production, a resource that opens something."""
    found = publishers(stack)
    if find_production(stack):
        found = [*found, *stack.of_type(_RAW_PORT)]
    if found or not find_production(stack):
        return found
    classes = stack.view(TypeClasses)
    opening = (one for one in stack.resources if one.is_custom and classes.of(one) is TypeClass.EXPOSES)
    return list(islice(opening, 1))


RULE: Final = Rule(
    id="endpoint-is-published",
    title="Every platform publishes its endpoints, each with an https address, and which are critical",
    violated="does not say where the public reaches it, by https",
    severity=Severity.HIGH,
    risk="What nobody wrote down nobody watches, and what is sent without encryption anyone may read.",
    fix=(
        "Publish each public address as one of `endpoints`: its name, its https url, whether it is critical, "
        "which the one is that users can't do without."
    ),
    controls=(Control.ISO_A_5_9, Control.NIST_CM_8, Control.NIST_SC_8, Control.CIS_3_10),
    subjects=_find_subjects,
    judge=_judge,
)
