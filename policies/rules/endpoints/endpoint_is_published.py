"""A platform that does not say where the public reaches it is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.endpoints import Endpoints, publishers
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _judge(publisher: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Text]:
    endpoints = stack.view(Endpoints)
    found, unreadable = endpoints.of(publisher), endpoints.unreadable(publisher)
    if publisher.is_component and not found and not unreadable:
        yield say("it names none")
    if found and not unreadable and not any(endpoint.critical for endpoint in found):
        yield say("it calls none of them critical")
    yield from unreadable
    for endpoint in found:
        if endpoint.address.scheme != "https":
            yield from endpoint.say([say("is reached without encryption")])


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
    subjects=publishers,
    judge=_judge,
)
