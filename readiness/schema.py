"""The JSON schema of `./bulwark ready --json`: `python -m readiness.schema > docs/readiness.schema.json`."""

import json
import sys

from readiness.results import Readiness


def render() -> str:
    """Return the schema as JSON."""
    return json.dumps(Readiness.model_json_schema(mode="serialization"), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
