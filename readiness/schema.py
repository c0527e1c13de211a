"""The JSON schema of `./bulwark ready --json`: `python -m readiness.schema > docs/readiness.schema.json`."""

import json
import sys

from readiness.results import Readiness
from readiness.trend import ReadinessTrend


class ReadinessDocument(Readiness):
    """A report, and what moved since the earlier ones."""

    trend: ReadinessTrend | None = None
    """None where it was not compared: of some checks alone, or where no vault keeps reports."""


def render() -> str:
    """Return the schema as JSON."""
    return json.dumps(ReadinessDocument.model_json_schema(mode="serialization"), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
