"""Options of `./bulwark drill` that contradict each other are refused before anything is opened."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.drill import drill
from cli.restore import restore
from core.failure import Failure

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("scenario", "options", "message"),
    [
        ("loss", {"at": NOW}, "--at is a moment in a history"),
        ("all", {"backup": "x"}, "--backup names a backup to restore"),
        ("corruption", {"backup": "x"}, "--backup names a backup to restore"),
        ("loss", {"at_random": True, "backup": "x"}, "--random excludes --at and --backup"),
        ("files", {"at_random": True, "at": NOW}, "--random excludes --at and --backup"),
        ("corruption", {"at": NOW + timedelta(hours=1)}, "is in the future"),
        ("files", {"at": (NOW + timedelta(hours=1)).replace(tzinfo=None)}, "is in the future"),
    ],
)
def test_contradicting_options_of_a_drill_are_refused_with_the_next_step(
    scenario: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(Failure, match=f"{message}(?s:.*)Next: "):
        drill(scenario, **options)


@pytest.mark.parametrize("store", ["database", "files", "state"])
def test_a_restore_of_a_moment_to_come_is_refused(store: Any) -> None:
    with pytest.raises(Failure, match=r"is in the future(?s:.*)Next: "):
        restore(to="new", store=store, at=NOW + timedelta(hours=1))


def test_evidence_that_could_not_be_written_is_refused_before_the_drill(tmp_path: Path) -> None:
    for place, why in (
        (tmp_path / "none" / "x.json", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(Failure, match=f"{place} can't be written: {why}(?s:.*)nothing was done"):
            drill("loss", evidence=place)
