"""The JSON Schema of a drill's evidence; `python -m recovery.drill.schema` prints docs/drill.schema.json."""

import json
import sys
from typing import Any

from recovery.drill.evidence import Drill


def build_schema() -> dict[str, Any]:
    """Return the schema of the stored document, including its computed fields."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Drill.model_json_schema(mode="serialization"),
    }


if __name__ == "__main__":
    json.dump(build_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
