"""Applies mutations to the program that is about to run in this process."""

import json
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, cast

import pulumi
from mutations import DRILLS, SETTINGS, Mutation
from pulumi.runtime import config
from weakened_values import GONE, REMOVED

_register: Final[Callable[..., None]] = pulumi.resource.register_resource


def apply(mutations: Sequence[Mutation]) -> None:
    """Change the program, whatever was changed for an earlier preview."""
    kinds = {one.resource: one.value for one in mutations if not one.field and one.resource != DRILLS}
    pulumi.resource.register_resource = _registration(kinds)
    for mutation in mutations:
        if mutation.resource == SETTINGS:
            block, _, path = mutation.field.partition(".")
            settings = config.CONFIG.get()
            key = f"bulwark:{block}"
            changed = _change(json.loads(settings[key]), path.split("."), mutation.value)
            config.CONFIG.set({**settings, key: json.dumps(changed)})
        elif mutation.field:
            pulumi.runtime.register_stack_transformation(_transformation(mutation))


def _registration(kinds: Mapping[str, str]) -> Callable[..., None]:
    """
    Return a registration that gives some resources another type; `REMOVED` makes a component of one.

    The program goes on: whatever it does with the resource, it has a URN, which is its ID as well.
    """

    def register(resource: Any, its_kind: str, its_name: str, custom: Any, *others: Any) -> None:
        kind = kinds.get(its_name, its_kind)
        _register(resource, kind, its_name, custom and kind != REMOVED, *others)
        if kind == REMOVED:
            resource.__dict__["id"] = resource.urn

    return register


def _transformation(mutation: Mutation) -> Callable[[Any], Any]:
    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not fnmatchcase(args.name, mutation.resource):
            return None
        if "*" in mutation.resource and mutation.field not in args.props:
            return None
        if mutation.field.startswith("opts."):
            options = pulumi.ResourceOptions.merge(args.opts, None)
            setattr(options, mutation.field.removeprefix("opts."), mutation.value)
            return pulumi.ResourceTransformationResult(args.props, options)
        changed = _change(args.props, mutation.field.split("."), mutation.value)
        return pulumi.ResourceTransformationResult(changed, args.opts)

    return transform


def _change(value: Any, path: list[str], new: Any) -> Any:
    """Return a value with what stands at the path replaced; a function is given what stood there."""
    if not path:
        return new(value) if callable(new) else new
    if isinstance(value, list):
        items = list(cast("list[Any]", value))
        items[int(path[0])] = _change(items[int(path[0])], path[1:], new)
        return items
    entries = dict(cast("dict[str, Any]", value))
    if new is GONE and len(path) == 1:
        assert entries.pop(path[0]) is not None
    else:
        entries[path[0]] = _change(entries.get(path[0]), path[1:], new)
    return entries
