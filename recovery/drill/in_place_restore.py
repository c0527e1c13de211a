"""The rehearsal of a restore in place: on a drill's branch, which the negative control has damaged."""

import time
from typing import Final

from core.failure import Failure
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import Check
from recovery.drill.safety import require_throw_away
from recovery.drill.scenario_run import ScenarioRun
from recovery.manifest import Checksums
from recovery.postgres.checksums import compare_checksums, compute_checksums
from recovery.postgres.connection import connect
from recovery.postgres.snapshot import take_snapshot

_NAME: Final = "the restore in place"
_WHAT: Final = "the damaged copy, set back by its vendor to the same instant"
_EXPECTED: Final = "as before the damage"
_ANSWER_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1
_SHOWN_DIFFERENCES: Final = 5


def rehearse(
    run: ScenarioRun, database: RecoveredDatabase, source_url: str, before_damage: Checksums
) -> None:
    """Let the vendor set the copy back, measure until it answers, and compare it with what it was."""
    restore = database.restore_in_place
    if restore is None:
        run.deviations.append("the restore in place was not rehearsed: the copy has no vendor that does it")
        return
    with run.optional_check(_NAME, _WHAT, _EXPECTED):
        require_throw_away(database, source_url)
        with run.clock.phase("restore in place"):
            restore()
            _wait_for_answer(database.owner_url)
        with run.clock.phase("compare what was restored in place"):
            with take_snapshot(database.owner_url) as snapshot:
                restored = compute_checksums(database.owner_url, snapshot)
            differences = compare_checksums(before_damage, restored)
        run.add_checks(
            [
                Check(
                    name=_NAME,
                    what=_WHAT,
                    expected=_EXPECTED,
                    actual="; ".join(differences[:_SHOWN_DIFFERENCES]) or _EXPECTED,
                    outcome="failed" if differences else "passed",
                )
            ]
        )


def _wait_for_answer(url: str) -> None:
    """Wait until a database answers. Raise Failure if it does not within a minute."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while True:
        try:
            with connect(url) as connection:
                connection.execute("SELECT 1")
        except Failure:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
