"""What the pack decided, for `./bulwark review` and `audit`: every verdict, also those that pass."""

import json
import os
from pathlib import Path
from typing import Any, Final

from policies.facts.recovery_paths import paths
from policies.facts.stores import Stores
from policies.framework.evaluation import Evaluation, Outcome, Verdict

VARIABLE: Final = "BULWARK_POLICY_REPORT"
"""Names the file to write; unset, nothing is written."""


def write(judgement: Evaluation) -> None:
    """Write the report, if someone asked for it."""
    if path := os.environ.get(VARIABLE):
        Path(path).write_text(json.dumps(document(judgement)))


def document(judgement: Evaluation) -> dict[str, Any]:
    """Return all verdicts in a stable order; it holds the pack's own sentences and names, never a value."""
    stack = judgement.stack
    return {
        "heard": list(judgement.heard),
        "verdicts": [_verdict(verdict, judgement) for verdict in judgement.verdicts],
        "waivers": [waiver.model_dump(mode="json") for waiver in judgement.waivers.in_force.values()],
        "stores": [
            {
                "urn": store.urn,
                "paths": [path.document() for path in paths(store, stack)],
            }
            for store in stack.view(Stores).data
        ],
    }


def _verdict(verdict: Verdict, judgement: Evaluation) -> dict[str, Any]:
    return {
        "rule": verdict.rule.id,
        "urn": verdict.resource.urn if verdict.resource else "",
        "outcome": verdict.outcome.value,
        "severity": judgement.heard[verdict.rule.id].value,
        "advisory": verdict.rule.id in judgement.advisory,
        "message": verdict.message if verdict.outcome is not Outcome.PASSED else "",
        "expires": verdict.waiver.expires.isoformat() if verdict.waiver else "",
    }
