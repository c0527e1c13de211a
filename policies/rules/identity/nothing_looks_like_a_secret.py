"""An input or output in clear that contains a text with the form of a credential is refused."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, cast

from pulumi_policy import Severity

from core.credential_forms import credential_kind
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


class _FormCache:
    """A cache of `form_of`: most texts occur in a stack more than once."""

    def __init__(self, _stack: PolicyStack) -> None:
        self.form_of: Final = lru_cache(None)(credential_kind)


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    cache = stack.view(_FormCache)
    for text in _iterate_plain_texts(resource.inputs.value):
        if form := cache.form_of(text):
            yield message("an input holds what looks like " + form)
    for text in _iterate_plain_texts(resource.outputs.value):
        if form := cache.form_of(text):
            yield message("an output holds what looks like " + form)


def _iterate_plain_texts(value: Any) -> Iterator[str]:
    """Yield every known text that is not marked as secret, including the keys of objects."""
    match value:
        case str():
            yield value
        case Known() | Unknown():
            pass
        case dict():
            for key, item in cast("dict[str, Any]", value).items():
                yield key
                yield from _iterate_plain_texts(item)
        case list():
            for item in cast("list[Any]", value):
                yield from _iterate_plain_texts(item)
        case _:
            pass


RULE: Final = Rule(
    id="nothing-looks-like-a-secret",
    title="No text in clear has the form of a credential",
    violated="holds a credential in clear",
    severity=Severity.CRITICAL,
    risk="The value stands readable in the state, in previews and in logs, and perhaps in the repository.",
    fix="Revoke it, and give the new one as a secret: `./bulwark pulumi config set --secret`, "
    "pulumi.Output.secret.",
    controls=(Control.NIST_IA_5_7, Control.ISO_A_5_17, Control.SOC_CC6_1, Control.SOC_CC7_1),
    subjects=lambda stack: stack.resources,
    judge=_judge,
)
