"""A bucket that can be deleted together with its objects is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import buckets
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.rule import Parameters, Rule, expect, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(bucket: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    return expect(bucket, "forceDestroy", one_of(False), "must declare forceDestroy false")


RULE: Final = Rule(
    id="bucket-is-not-force-destroyed",
    title="No bucket is deleted together with what is in it",
    violated="can be destroyed with its content",
    severity=Severity.HIGH,
    risk="Taking a bucket out of the program deletes every object in it first, without another question.",
    fix="Declare forceDestroy false; empty a bucket by hand before it goes.",
    controls=(Control.NIST_CP_9, Control.CIS_11_3, Control.ISO_A_8_13),
    subjects=buckets,
    judge=_judge,
)
