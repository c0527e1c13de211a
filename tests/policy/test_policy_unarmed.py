"""Monitors that `./bulwark` makes unarmed at first are judged as the program declares them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from policy_harness import Toy, alter, find_violations, production

from core.arming import UNARMED_VARIABLE

MONITOR, PROBER = "uptime-backend-health", "errors-backend-check-health"


def refusing(stack: Sequence[Toy]) -> set[tuple[str, str]]:
    return {(one.rule, one.resource) for one in find_violations(stack)}


def test_an_unarmed_monitor_is_judged_as_declared_only_where_bulwark_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = refusing(production())
    stack = alter(alter(production(), MONITOR, isPaused=True), PROBER, enabled=False)
    refused = refusing(stack) - declared
    assert {name for _, name in refused} >= {MONITOR, PROBER}

    file = tmp_path / "unarmed.json"
    monkeypatch.setenv(UNARMED_VARIABLE, str(file))
    file.write_text(json.dumps([MONITOR, PROBER, "backups-vault-bucket"]))
    assert refusing(stack) == declared
    file.write_text(json.dumps([MONITOR]))
    assert {name for _, name in refusing(stack) - declared} & {MONITOR, PROBER} == {PROBER}
    monkeypatch.setenv(UNARMED_VARIABLE, "")
    assert refusing(stack) - declared == refused
