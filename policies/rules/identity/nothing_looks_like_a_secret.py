"""A text in clear that has the form of a credential is refused, wherever it stands."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, cast

from pulumi_policy import Severity

from core.credential_forms import form_of
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


class _Forms:
    """The forms of texts; most texts of a stack stand in it more than once."""

    def __init__(self, _stack: PolicyStack) -> None:
        self.of: Final = lru_cache(None)(form_of)


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    form = stack.view(_Forms).of
    for text in _plain(resource.inputs.value):
        if found := form(text):
            yield say("an input holds what looks like " + found)
    for text in _plain(resource.outputs.value):
        if found := form(text):
            yield say("an output holds what looks like " + found)


def _plain(value: Any) -> Iterator[str]:
    """Yield every text that is not marked as secret; what is unknown is none yet."""
    match value:
        case str():
            yield value
        case Known() | Unknown():
            pass
        case dict():
            for key, item in cast("dict[str, Any]", value).items():
                yield key
                yield from _plain(item)
        case list():
            for item in cast("list[Any]", value):
                yield from _plain(item)
        case _:
            pass


RULE: Final = Rule(
    id="nothing-looks-like-a-secret",
    title="No text in clear has the form of a credential",
    violated="holds a credential in clear",
    severity=Severity.CRITICAL,
    risk="The value stands readable in the state, in previews and in logs, and perhaps in the repository.",
    fix="Revoke it, and give the new one as a secret: `pulumi config set --secret`, pulumi.Output.secret.",
    controls=(Control.NIST_IA_5_7, Control.ISO_A_5_17, Control.SOC_CC6_1, Control.SOC_CC7_1),
    subjects=lambda stack: stack.resources,
    judge=_judge,
)
