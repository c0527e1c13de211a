"""The JSON Schema of a stack's file; `python -m components.settings.schema` prints settings.schema.json."""

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from components.settings.load import PROJECT, Settings
from components.settings.model import SettingsModel


def document() -> dict[str, Any]:
    """Return the schema with which an editor completes and checks `Pulumi.<stack>.yaml`."""
    schema = _settings().model_json_schema()
    blocks: dict[str, Any] = schema["properties"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of Bulwark",
        "type": "object",
        "properties": {
            "encryptionsalt": {"type": "string"},
            "secretsprovider": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "config": {
                "type": "object",
                "properties": {f"{PROJECT}:{name}": block for name, block in blocks.items()},
                "required": [f"{PROJECT}:{name}" for name in schema["required"]],
                # A key that is not a block can only be a secret.
                "additionalProperties": {"$ref": "#/$defs/Secret"},
            },
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": schema["$defs"]
        | {
            "Secret": {
                "type": "object",
                "properties": {"secure": {"type": "string"}},
                "required": ["secure"],
                "additionalProperties": False,
            }
        },
    }


@cache
def _settings() -> type[Settings]:
    _describe(SettingsModel)
    return Settings


def _describe(model: type[SettingsModel], inherited: Mapping[str, str] = MappingProxyType({})) -> None:
    """Put the docstrings of a model's fields into the schema as descriptions."""
    for kind in model.__subclasses__():
        described = {**inherited, **dict(_docstrings(kind))}
        for name, text in described.items():
            kind.model_fields[name].description = text
        kind.model_rebuild(force=True)
        _describe(kind, described)


def _docstrings(kind: type[SettingsModel]) -> Iterator[tuple[str, str]]:
    (defined,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(defined, ast.ClassDef)  # noqa: S101 - that is the source of a class at a module's level
    for field, then in pairwise(defined.body):
        match field, then:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
            case _:
                pass


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    sys.stdout.write("\n")
