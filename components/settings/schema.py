"""The JSON Schema of a stack's file; `python -m components.settings.schema` prints settings.schema.json."""

import json
import sys
from functools import cache
from typing import Any

from components.settings.load import PROJECT, Settings
from components.settings.model import SettingsModel
from core.field_descriptions import describe_fields


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
    describe_fields(SettingsModel)
    return Settings


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    sys.stdout.write("\n")
