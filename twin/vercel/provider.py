"""Vercel's provider (vercel/vercel 5.10.0): its rules, by its source."""

from collections.abc import Iterator

from twin.provider.rules import at_most_one, each, length, one_of, size, within
from twin.provider.server import InputRefusal
from twin.provider.terraform_spec import ResourceSpec, VendorSpec, last_part
from twin.provider.values import UNKNOWN, Properties


def _check_targets(inputs: Properties) -> Iterator[InputRefusal]:
    targets, custom = inputs.get("targets"), inputs.get("customEnvironmentIds")
    if targets is None and custom is None:
        yield InputRefusal("targets", "one of targets, customEnvironmentIds is required")
    if isinstance(targets, list) and "development" in targets and inputs.get("sensitive") is True:
        yield InputRefusal("sensitive", "sensitive must be false when targets has 'development'")


def _hide_value(actual: Properties) -> frozenset[str]:
    """A sensitive value can't be read: what the state has is kept, whatever it is at Vercel."""
    return frozenset({"value"} if actual.get("sensitive") is True else ())


def _check_value(inputs: Properties) -> Iterator[InputRefusal]:
    if inputs.get("value") is None and inputs.get("valueWo") is None:
        yield InputRefusal("value", "one of value, valueWo is required")


def _check_version(inputs: Properties) -> Iterator[InputRefusal]:
    if inputs.get("valueWoVersion") not in {None, UNKNOWN} and inputs.get("valueWo") is None:
        yield InputRefusal("valueWoVersion", "valueWoVersion needs valueWo")


VERCEL = VendorSpec(
    title="Vercel",
    scalar_lists_are_sets=True,
    resources={
        "projectEnvironmentVariable": ResourceSpec(
            rules=(
                each("key", bool, "not be empty"),
                _check_value,
                at_most_one("", "value", "valueWo"),
                within("valueWoVersion", 0),
                _check_version,
                size("targets", 1),
                one_of("targets[]", "production", "preview", "development"),
                size("customEnvironmentIds", 1),
                _check_targets,
                length("comment", 1000),
            ),
            replaces=frozenset({"projectId", "key", "sensitive", "customEnvironmentIds", "teamId"}),
            write_only=frozenset({"valueWo", "valueWoVersion"}),
            hidden=_hide_value,
            only_on_create=frozenset({"projectId", "key", "teamId"}),
            address=last_part,
        ),
    },
)
