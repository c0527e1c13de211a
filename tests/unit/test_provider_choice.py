"""Which kind of provider a stack on the twin goes through."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.failure import Failure
from engine.stack_target import ProviderKind
from engine.targets import find_target

_MONITOR = {"type": "uptimerobot:index/monitor:Monitor", "outputs": {"name": "health"}}
_BRIDGED = {**_MONITOR, "outputs": {"name": "health", "__pulumi_raw_state_delta": {}}}
_BUCKET = {"type": "aws:s3/bucket:Bucket", "outputs": {}}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BULWARK_TWIN", str(tmp_path))
    return tmp_path / "state" / ".pulumi" / "stacks" / "bulwark" / "local.json"


def write_state(state: Path, *resources: Any) -> None:
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))


def test_an_empty_stack_goes_through_stand_ins_unless_told_otherwise(state: Path) -> None:
    assert find_target("local", on_twin=True).providers == "stand-in"
    write_state(state, _BUCKET)
    assert find_target("local", on_twin=True, providers="real").providers == "real"


def test_a_stack_stays_with_the_providers_that_made_it(state: Path) -> None:
    write_state(state, _BUCKET, _BRIDGED)
    assert find_target("local", on_twin=True).providers == "real"
    write_state(state, _BUCKET, _MONITOR)
    assert find_target("local", on_twin=True).providers == "stand-in"


@pytest.mark.parametrize(("resource", "wanted"), [(_BRIDGED, "stand-in"), (_MONITOR, "real")])
def test_the_other_kind_of_provider_is_refused_with_the_way_out(
    state: Path, resource: Any, wanted: ProviderKind
) -> None:
    write_state(state, resource)
    with pytest.raises(Failure, match="The stack local was made through") as refused:
        find_target("local", on_twin=True, providers=wanted)
    assert f"leave out `--providers {wanted}`, or take the stack down first" in str(refused.value)


def test_stand_ins_have_no_place_at_the_vendors(state: Path) -> None:
    assert not state.exists()
    with pytest.raises(Failure, match="lives at the vendors"):
        find_target("prod", on_twin=False, providers="stand-in")
    assert find_target("prod", on_twin=False).providers == "real"
