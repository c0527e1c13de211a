"""The JSON Schema of a drill's evidence; `python -m recovery.drill.schema` prints docs/drill.schema.json."""

import json
import sys
from typing import Any

from recovery.drill.evidence import Drill


def document() -> dict[str, Any]:
    """Return the schema of what is stored, with what is computed in it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Drill.model_json_schema(mode="serialization"),
    }


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    sys.stdout.write("\n")
