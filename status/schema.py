"""The JSON schema of `./bulwark status --json`: `python -m status.schema > docs/status.schema.json`."""

import json
import sys
from typing import Literal

from status.assessment import HealthFinding
from status.health import Health


class StatusDocument(Health):
    """The health of a stack, and what it means."""

    level: Literal["ok", "attention", "unknown", "wrong"]
    """The worst of the findings."""

    verdict: str
    findings: tuple[HealthFinding, ...]
    next_step: str
    """What to type about the worst finding; empty if there is none."""


def render() -> str:
    """Return the schema as JSON."""
    return json.dumps(StatusDocument.model_json_schema(mode="serialization"), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
