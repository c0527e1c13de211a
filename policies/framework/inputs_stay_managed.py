"""An input that a rule demands, and whose later changes the engine is told to ignore, is refused."""

import re
from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from core.text import printable
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.property_values import Absent
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_STEP: Final = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[([0-9]+|\*)\]|([^.\["\]]+)')
"""A step of the engine's property paths: `["key"]`, `[0]`, `[*]`, or a plain key."""

_SIBLINGS: Final[dict[str, frozenset[str]]] = {
    # Each is a resource of its own beside the bucket. A refresh copies it into the bucket, and the next
    # update would take it away again (pulumi/pulumi-aws#6244).
    "aws:s3/bucket:Bucket": frozenset(
        {
            "corsRules",
            "lifecycleRules",
            "logging",
            "objectLockConfiguration",
            "policy",
            "replicationConfiguration",
            "serverSideEncryptionConfiguration",
            "versioning",
        }
    ),
}
"""Type -> the inputs that may be ignored where the program does not declare them."""

_SENT_ON_CREATION: Final[dict[str, frozenset[str]]] = {
    # The provider sends both with the creation and never again, and reads neither (jianyuan/sentry 0.15.4).
    "sentry:index/project:Project": frozenset({"defaultKey", "defaultRules"}),
}
"""Type -> the inputs that nothing can put right after the creation."""

_MOST_CHARACTERS: Final = 100


def parse_path(text: str) -> tuple[str | int, ...]:
    """Return the steps of a path in `ignoreChanges`; `*` stands for whatever there is."""
    return tuple(
        int(index) if index.isdigit() else index or re.sub(r"\\(.)", r"\1", quoted) or plain
        for quoted, index, plain in _STEP.findall(text)
    )


def _reaches(ignored: tuple[str | int, ...], read: tuple[str | int, ...]) -> bool:
    """Tell whether one path leads to the other, or through it."""
    return all(mine in {"*", its} for mine, its in zip(ignored, read, strict=False))


def _may_be_ignored(resource: Resource, name: str | int) -> bool:
    if name in _SIBLINGS.get(resource.type, ()):
        return resource.inputs.at(name) == Absent()
    return name in _SENT_ON_CREATION.get(resource.type, ())


def _judge(resource: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    for text in resource.options.ignoreChanges:
        path = parse_path(text)
        if path and _may_be_ignored(resource, path[0]):
            continue
        if not path or any(_reaches(path, read) for read in resource.paths_read):
            yield Message(f"changes of {printable(text)[:_MOST_CHARACTERS] or 'an empty path'} are ignored")


RULE: Final = Rule(
    id="demanded-inputs-stay-managed",
    title="No input that a rule demands is in ignore_changes",
    violated="is judged by inputs that the engine will not put right again",
    severity=Severity.HIGH,
    risk="What somebody changes by hand stays so, and the policies go on to judge what the program says.",
    fix="Take the path out of the resource's ignore_changes, or waive it with the upstream issue as reason.",
    controls=(Control.NIST_CM_2, Control.NIST_CM_3, Control.ISO_A_8_9, Control.SOC_CC8_1),
    subjects=lambda stack: [resource for resource in stack.resources if resource.options.ignoreChanges],
    judge=_judge,
)
"""It is judged after all others: what it asks is what they have read."""
