"""
Writes schemas/pagerduty.json: names and types of PagerDuty's resources as its SDK has them.

The vendor's package comes from PyPI, without a schema. After a new version of it,
`python -m twin.pagerduty.sdk_schema > schemas/pagerduty.json` renews the file; a test compares the two.
"""

import inspect
import json
import typing
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Final

import pulumi
import pulumi_pagerduty as sdk
from pulumi_pagerduty import outputs

_RESOURCES: Final = (sdk.EscalationPolicy, sdk.Schedule, sdk.Service, sdk.ServiceIntegration)
_USER: Final = "pagerduty:index/getUser:getUser"
_SCALARS: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}

_Schema = dict[str, Any]


class _Types:
    """The nested types, found as the resources refer to them."""

    def __init__(self) -> None:
        self.found: dict[str, _Schema] = {}

    def describe(self, annotation: Any) -> tuple[_Schema, bool]:
        """Return a type of the SDK as one of a schema, and whether a value is always there."""
        inner = [one for one in typing.get_args(annotation) if one is not type(None)]
        if type(None) in typing.get_args(annotation):
            return self.describe(inner[0])[0], False
        if typing.get_origin(annotation) is Sequence:
            return {"type": "array", "items": self.describe(inner[0])[0]}, True
        if annotation in _SCALARS:
            return {"type": _SCALARS[annotation]}, True
        return self._refer(annotation), True

    def _refer(self, reference: Any) -> _Schema:
        name = str(getattr(reference, "__forward_arg__", reference)).removeprefix("outputs.")
        token = f"pagerduty:index/{name}:{name}"
        if token not in self.found:
            self.found[token] = {}  # a type that refers to itself ends here
            described = _describe_properties(getattr(outputs, name), self)
            always = [key for key, (_, is_always) in described.items() if is_always]
            required = _required_inputs(getattr(sdk, f"{name}Args"), described)
            self.found[token] = {
                "properties": {key: schema for key, (schema, _) in described.items()},
                "type": "object",
                "required": required,
                "language": {"nodejs": {"requiredOutputs": always}},
            }
        return {"$ref": f"#/types/{token}"}


def _describe_properties(owner: Any, types: _Types) -> dict[str, tuple[_Schema, bool]]:
    """Return the properties of a class by the provider's names, each with whether it always has a value."""
    found: dict[str, tuple[_Schema, bool]] = {}
    for name, member in vars(owner).items():
        if isinstance(member, property):
            getter: Any = member.fget
            annotation = getter.__annotations__["return"]
            if typing.get_origin(annotation) is pulumi.Output:
                annotation = typing.get_args(annotation)[0]
            found[_provider_name(name)] = types.describe(annotation)
    return found


def _required_inputs(arguments: Any, properties: dict[str, Any]) -> list[str]:
    parameters = list(inspect.signature(arguments.__init__).parameters.values())[1:]
    empty = inspect.Parameter.empty
    names = (_provider_name(one.name) for one in parameters if one.default is empty)
    return [name for name in names if name in properties]


def _provider_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _describe_resource(resource: Any, types: _Types) -> _Schema:
    described = _describe_properties(resource, types)
    arguments = getattr(sdk, f"{resource.__name__}Args")
    inputs = [_provider_name(name) for name in list(inspect.signature(arguments.__init__).parameters)[1:]]
    return {
        "inputProperties": {name: described[name][0] for name in inputs},
        "requiredInputs": _required_inputs(arguments, described),
        "properties": {name: schema for name, (schema, _) in described.items()},
        "required": [name for name, (_, is_always) in described.items() if is_always],
    }


def build() -> _Schema:
    """Return the schema of the resources and functions that this project uses."""
    types = _Types()
    resources = {
        f"pagerduty:index/{name[0].lower()}{name[1:]}:{name}": _describe_resource(one, types)
        for one in _RESOURCES
        for name in (one.__name__,)
    }
    user = _describe_properties(sdk.GetUserResult, types)
    function = {
        "inputs": {"properties": {"email": {"type": "string"}}, "required": ["email"]},
        "outputs": {
            "properties": {name: schema for name, (schema, _) in user.items()},
            "required": list(user),
        },
    }
    return {
        "name": "pagerduty",
        "version": metadata.version("pulumi-pagerduty"),
        "types": dict(sorted(types.found.items())),
        "resources": resources,
        "functions": {_USER: function},
    }


if __name__ == "__main__":
    print(json.dumps(build(), indent=1))  # noqa: T201 - the file's content
