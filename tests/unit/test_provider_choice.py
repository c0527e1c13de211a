"""Which kind of provider a stack on the twin goes through."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.failure import Failure
from engine import stack_target

_MONITOR = {"type": "uptimerobot:index/monitor:Monitor", "outputs": {"name": "health"}}
_BRIDGED = {**_MONITOR, "outputs": {"name": "health", "__pulumi_raw_state_delta": {}}}
_BUCKET = {"type": "aws:s3/bucket:Bucket", "outputs": {}}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BULWARK_TWIN", str(tmp_path))
    return stack_target.state_file(stack_target.home(), "local")


def holds(state: Path, *resources: Any) -> None:
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))


def test_an_empty_stack_goes_through_stand_ins_unless_told_otherwise(state: Path) -> None:
    assert stack_target.find("local", on_twin=True).providers == "stand-in"
    holds(state, _BUCKET)
    assert stack_target.find("local", on_twin=True, providers="real").providers == "real"


def test_a_stack_stays_with_the_providers_that_made_it(state: Path) -> None:
    holds(state, _BUCKET, _BRIDGED)
    assert stack_target.find("local", on_twin=True).providers == "real"
    holds(state, _BUCKET, _MONITOR)
    assert stack_target.find("local", on_twin=True).providers == "stand-in"


@pytest.mark.parametrize(("made", "asked"), [(_BRIDGED, "stand-in"), (_MONITOR, "real")])
def test_the_other_kind_is_refused_with_the_way_out(
    state: Path, made: Any, asked: stack_target.ProviderKind
) -> None:
    holds(state, made)
    with pytest.raises(Failure, match="The stack local was made through") as refused:
        stack_target.find("local", on_twin=True, providers=asked)
    assert f"leave out `--providers {asked}`, or take the stack down first" in str(refused.value)


def test_stand_ins_have_no_place_at_the_vendors(state: Path) -> None:
    assert not state.exists()
    with pytest.raises(Failure, match="lives at the vendors"):
        stack_target.find("prod", on_twin=False, providers="stand-in")
    assert stack_target.find("prod", on_twin=False).providers == "real"
