"""
The classes of resource types: what a type is to the rules.

A class is looked up in `policies/types/<package>.json`, which `python -m policies.type_table` makes. Nothing
is concluded from a name. A type that is in no table, or that nobody could decide on, is not classified.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from policies.framework.property_values import Absent
from policies.framework.stack import PolicyStack, Resource, canonical_type

FOLDER: Final = Path(__file__).parents[1] / "types"
CLASSIFIED_BY: Final = "type-is-classified"
"""The rule whose parameters classify types that no table has."""

_PACKAGE: Final = re.compile(r"[a-z0-9-]+")


class TypeClass(StrEnum):
    """What a type is."""

    HOLDS_DATA = "holds-data"
    """
    What people or programs wrote is lost with it. Not a part of such a resource, nor a copy, a view, an index
    of what lies elsewhere, a cache, a queue, a log, a machine's system disk, an image or a Git repository.
    """

    CREDENTIAL = "credential"
    """
    It makes or registers a key, a token or a user with a password, valid until somebody ends it. Not a user
    of a database, which knows no other way to sign in, nor what only keeps a secret that it is given.
    """

    EXPOSES = "exposes"
    """
    It can be reached from the internet, or makes something so: in production somebody publishes its address.
    """

    NEITHER = "neither"
    NOT_CLASSIFIED = "not-classified"


class TypeName(NamedTuple):
    """A type within its package. The version of a Kubernetes or Azure API is no part of it."""

    module: str
    name: str


_HOLDS_DATA_WITH: Final[dict[tuple[str, TypeName], tuple[str, ...]]] = {
    ("kubernetes", TypeName("apps", "StatefulSet")): ("spec", "volumeClaimTemplates"),
    ("railway", TypeName("index", "Service")): ("volume",),
}
"""Types that hold data only with this input."""


def split_token(token: str) -> tuple[str, TypeName]:
    """Return the package of a type's token, and its name there: `aws:s3/bucket:Bucket` is `s3`, `Bucket`."""
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    return package, TypeName(module.partition("/")[0], name)


@cache
def _load(package: str) -> dict[str, Any]:
    path = FOLDER / f"{package}.json"
    return json.loads(path.read_text()) if _PACKAGE.fullmatch(package) and path.exists() else {}


@cache
def read_secrets(package: str) -> Mapping[TypeName, tuple[str, ...]]:
    """Return the inputs of a package's types that its schema marks as secret."""
    modules: dict[str, dict[str, str]] = _load(package).get("secrets", {})
    return {
        TypeName(module, name): tuple(inputs.split())
        for module, names in modules.items()
        for name, inputs in names.items()
    }


@cache
def read_table(package: str) -> Mapping[TypeName, TypeClass]:
    """Return the classes of a package's types; empty for a package that the pack has not read."""
    classes: dict[str, dict[str, str]] = _load(package).get("classes", {})
    return {
        TypeName(module, name): TypeClass(kind)
        for kind, modules in classes.items()
        for module, names in modules.items()
        for name in names.split()
    }


@cache
def classify(token: str) -> TypeClass:
    """Return the class of a type, as the pack has read it."""
    package, name = split_token(token)
    return read_table(package).get(name, TypeClass.NOT_CLASSIFIED)


class TypeClasses:
    """The classes of a stack's types: those of the tables, and those that its configuration adds."""

    def __init__(self, stack: PolicyStack) -> None:
        settings: Mapping[str, Any] = stack.settings.get(CLASSIFIED_BY, {})
        self._added: Final = {
            **dict.fromkeys(map(canonical_type, settings.get("hold_nothing", ())), TypeClass.NEITHER),
            **dict.fromkeys(map(canonical_type, settings.get("hold_data", ())), TypeClass.HOLDS_DATA),
        }

    def of(self, resource: Resource) -> TypeClass:
        """Return the class of a custom resource."""
        found = classify(resource.type)
        if found is TypeClass.NOT_CLASSIFIED:
            return self._added.get(resource.type, found)
        condition = _HOLDS_DATA_WITH.get(split_token(resource.type))
        if condition and resource.at(*condition) == Absent():
            return TypeClass.NEITHER
        return found
