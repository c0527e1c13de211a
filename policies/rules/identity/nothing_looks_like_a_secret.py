"""An input or output in clear that contains a text with the form of a credential is refused."""

import re
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
        self.names_secret: Final = lru_cache(None)(_names_secret)


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    cache = stack.view(_FormCache)
    for text in _iterate_plain_texts(resource.inputs.value):
        if form := cache.form_of(text):
            yield message("an input holds what looks like " + form)
        elif cache.names_secret(text):
            yield message("a document in an input gives a secret in clear")
    if any(_is_secret(*pair) for pair in _iterate_variables(resource.inputs.value)):
        yield message("an input gives a variable with a secret in clear")
    for text in _iterate_plain_texts(resource.outputs.value):
        if form := cache.form_of(text):
            yield message("an output holds what looks like " + form)


_VARIABLE_NAME: Final = (
    r"(?!(?:EXPO_PUBLIC|GATSBY|NEXT_PUBLIC|NUXT_PUBLIC|PUBLIC|REACT_APP|VITE)_)"
    r"(?:[A-Z][A-Z0-9]*_)*(?:PASSWORD|PASSWD|SECRET|(?:SECRET|PRIVATE|API|ACCESS)_KEY|TOKEN)"
)
"""Of an environment variable: what it holds is no name, path or address of a secret."""

_NAME_ENDS: Final = ("PASSWORD", "PASSWD", "SECRET", "_KEY", "TOKEN")
"""One of these is in each of those names, and found much faster."""

_VARIABLE: Final = re.compile(_VARIABLE_NAME)
_IN_DOCUMENT: Final = re.compile(
    rf'"{_VARIABLE_NAME}"\s*:\s*"(?P<first>[^"]*)"'
    rf'|"name"\s*:\s*"{_VARIABLE_NAME}"\s*,\s*"value"\s*:\s*"(?P<second>[^"]*)"'
)
_SECRET_VALUE: Final = re.compile(r"(?!arn:|/|https?://)[^\s${}<>]{6,}")
"""A value itself: no reference to one, no template, nothing that is too short to be a secret."""


def _is_secret(name: str, value: str) -> bool:
    return bool(_VARIABLE.fullmatch(name) and _SECRET_VALUE.fullmatch(value))


def _names_secret(text: str) -> bool:
    """Tell whether a document, such as a container's definition, gives a variable with a secret."""
    if not any(end in text for end in _NAME_ENDS):
        return False
    values = (found["first"] or found["second"] or "" for found in _IN_DOCUMENT.finditer(text))
    return any(map(_SECRET_VALUE.fullmatch, values))


def _iterate_variables(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the name and value of what may be environment variables, if the value is known and in clear."""
    match value:
        case {"name": str(name), "value": str(given)}:
            yield name, given
        case Known() | Unknown():
            pass
        case dict():
            for key, item in cast("dict[str, Any]", value).items():
                if isinstance(item, str):
                    yield key, item
                else:
                    yield from _iterate_variables(item)
        case list():
            for item in cast("list[Any]", value):
                yield from _iterate_variables(item)
        case _:
            pass


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
    title="No text in clear has the form of a credential, or the name of one",
    violated="holds a credential in clear",
    severity=Severity.CRITICAL,
    risk="The value stands readable in the state, in previews and in logs, and perhaps in the repository.",
    fix="Revoke it, and give the new one as a secret: `./bulwark pulumi config set --secret`, "
    "pulumi.Output.secret.",
    controls=(Control.NIST_IA_5_7, Control.ISO_A_5_17, Control.SOC_CC6_1, Control.SOC_CC7_1),
    subjects=lambda stack: stack.resources,
    judge=_judge,
)
