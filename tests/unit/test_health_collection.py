"""Collecting the health: who fails or hangs is unknown, and the rest is there all the same."""

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import pytest
from sample_stores import STACK_STORES

from cli import drift_note
from cli.live_report import LiveAudit
from cli.recovery_context import find_trust
from core.failure import Failure
from core.state_folder import HOME_VARIABLE
from engine.targets import find_target
from live.finding import BlindSpot
from live.vendor_apis import Apis
from recovery.vault.vault import VaultClient
from status import collection
from status.collection import Checkpoint, Sources, Subject, collect
from status.deadlines import ends_soon, read_deadlines

TARGET = find_target("prod", on_twin=False)
SUBJECT = Subject("prod", "vendors", "--stack prod", TARGET.settings, STACK_STORES)

WAIVERS = """
- rule: vault-is-locked
  resource: urn:pulumi:prod::bulwark::aws:s3/bucket:Bucket::vault-primary
  reason: the lock is being moved to the new region
  owner: operations
  ticket: OPS-17
  created: 2030-01-01
  expires: 2030-01-20
- rule: vault-is-locked
  resource: urn:pulumi:staging::bulwark::aws:s3/bucket:Bucket::vault-primary
  reason: another stack has its own exceptions
  owner: operations
  ticket: OPS-18
  created: 2030-01-01
  expires: 2030-01-20
"""
ENTRIES = """
- stack: prod
  thing: neon/project/old-project-123456
  reason: it belongs to the data team, who back it up
  owner: operations
  ticket: OPS-19
  created: 2029-06-01
  expires: 2030-05-01
"""


def fail(*_: Any) -> NoReturn:
    raise Failure("There are no credentials.", "log in.")


def sources(**changes: Any) -> Sources:
    """Return sources that answer nothing but the state."""
    monitor = {
        "type": "uptimerobot:index/monitor:Monitor",
        "urn": "urn:pulumi:prod::bulwark::m::m",
        "created": "2030-01-01T00:00:00Z",
    }
    quiet = Sources(
        read_checkpoint=lambda: Checkpoint((monitor,), datetime(2030, 1, 2, tzinfo=UTC)),
        open_primary=fail,
        open_replica=fail,
        open_elsewhere=fail,
        open_apis=fail,
        read_report=fail,
        trust=find_trust(TARGET),
        policies=Path(__file__).parents[2] / "policies",
    )
    return replace(quiet, **changes)


def test_each_source_that_fails_is_unknown_with_its_reason() -> None:
    health, is_late = collect(SUBJECT, sources())
    assert not is_late
    assert health.deployment.found
    assert health.deployment.found.resources == 1
    assert health.deployment.found.first_made_at == datetime(2030, 1, 1, tzinfo=UTC)
    vaults = [answer for store in health.stores for answer in store.vaults.values()]
    for answer in (
        *vaults,
        health.drills,
        health.readiness,
        health.monitors,
        health.crons,
        health.issues,
        health.quotas,
    ):
        assert answer.found is None
        assert (answer.unknown, answer.next_step) == ("There are no credentials.", "log in.")
    assert health.deadlines.found is not None


def test_a_state_that_cant_be_read_leaves_what_does_not_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty(AbstractContextManager[Apis]):
        def __enter__(self) -> Any:
            return Apis(*[None] * 5)  # pyrefly: ignore[bad-argument-type] - none of them is asked

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(collection.monitoring, "read_issues", lambda *_: ())
    health, _ = collect(SUBJECT, sources(read_checkpoint=fail, open_apis=Empty))
    assert health.deployment.unknown == health.monitors.unknown == "There are no credentials."
    assert health.issues.found == ()


def test_a_vault_that_hangs_is_unknown_and_the_others_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Event()

    def hang() -> VaultClient:
        release.wait()
        fail()

    monkeypatch.setattr(collection, "VAULT_SECONDS", 0.1)
    try:
        health, is_late = collect(SUBJECT, sources(open_primary=hang))
    finally:
        release.set()
    assert is_late
    assert health.drills.unknown == "There was no answer from the primary vault within 0.1 s."
    assert health.deployment.found


def test_exceptions_of_the_stack_end_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "waivers.yaml").write_text(WAIVERS)
    (tmp_path / "undeclared.yaml").write_text(ENTRIES)
    first, second = read_deadlines(tmp_path, "prod")
    assert (first.what, first.kind) == ("vault-is-locked for vault-primary", "waiver")
    assert (second.what, second.ends_on) == ("neon/project/old-project-123456", date(2030, 5, 1))
    assert ends_soon(first, date(2030, 1, 6))
    assert not ends_soon(first, date(2030, 1, 5))
    assert not ends_soon(second, date(2030, 1, 6))


def test_an_exception_that_cant_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "waivers.yaml").write_text(f"{WAIVERS}- rule: nothing\n")
    with pytest.raises(Failure, match=r"waivers\.yaml has an entry that can't be read"):
        read_deadlines(tmp_path, "prod")


def test_what_audit_live_found_is_remembered_for_each_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    assert drift_note.read(TARGET) is None
    found = LiveAudit(
        stack="prod",
        drift=[{"urn": "a", "op": "update"}],
        findings=[],
        of_others={},
        reviewed=[],
        problems=["an entry is wrong"],
        unknown=[BlindSpot("Neon", "it does not answer")],
        looked_at=["Neon"],
        verdicts=None,
    )
    drift_note.write(TARGET, found)
    note = drift_note.read(TARGET)
    assert note
    assert (note.passes, note.differences, note.unknown) == (False, 2, 1)
    assert drift_note.read(replace(TARGET, name="staging")) is None
    next((tmp_path / "home").glob("drift-*")).write_text("{")
    assert drift_note.read(TARGET) is None
