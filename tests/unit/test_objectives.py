"""The recovery arithmetic."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from core.objectives import ScheduleError, detection_time, format_duration, longest_gap, worst_case_loss


@pytest.mark.parametrize(
    ("schedule", "gap"),
    [
        ("17 2 * * *", timedelta(days=1)),
        ("*/10 * * * *", timedelta(minutes=10)),
        ("0 9-17 * * *", timedelta(hours=16)),
        ("23 4 * * 6", timedelta(days=7)),
        ("0 0 1 * *", timedelta(days=31)),
        ("0 3 * * 1-5", timedelta(days=3)),
        ("0 0 29 2 *", timedelta(days=4 * 365 + 1)),
        ("*/10 * * 1-6 *", timedelta(days=184, minutes=10)),
    ],
)
def test_the_longest_gap_is_what_a_schedule_really_promises(schedule: str, gap: timedelta) -> None:
    assert longest_gap(schedule) == gap


@pytest.mark.parametrize(
    "schedule",
    ["17 2 * * *", "*/7 1-5 * * 2,4", "0 9-17 1,15 * *", "5 4 * * 0", "30 6 L * *", "0 0 * * 1#1"],
)
def test_the_longest_gap_is_the_one_found_by_stepping_through(schedule: str) -> None:
    runs = list(islice(CronSim(schedule, datetime(2024, 1, 1, tzinfo=UTC)), 2_000))
    assert longest_gap(schedule) == max(later - earlier for earlier, later in pairwise(runs))


@pytest.mark.parametrize("text", ["", "daily", "61 * * * *", "* * * *", "* * * * * *", "0 0 31 2 *"])
def test_an_invalid_schedule_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        longest_gap(text)


def test_the_worst_loss_adds_up_gap_lateness_run_and_replication() -> None:
    loss = worst_case_loss(
        "17 2 * * *",
        longest_run=timedelta(minutes=30),
        lateness=timedelta(hours=2),
        replication=timedelta(minutes=15),
    )
    assert loss == timedelta(hours=26, minutes=45)


@given(minute=st.integers(0, 59), run=st.integers(1, 600), late=st.integers(0, 600))
def test_a_longer_run_never_loses_less(minute: int, run: int, late: int) -> None:
    def loss(run_minutes: int) -> timedelta:
        return worst_case_loss(
            f"{minute} * * * *",
            longest_run=timedelta(minutes=run_minutes),
            lateness=timedelta(minutes=late),
        )

    assert loss(run + 1) > loss(run) >= timedelta(hours=1)


def test_an_outage_is_noticed_after_one_interval_and_every_probe_at_full_timeout() -> None:
    noticed = detection_time(interval=timedelta(seconds=60), timeout=timedelta(seconds=30))
    assert noticed == timedelta(seconds=120)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(days=7), "7 d"),
        (timedelta(hours=26, minutes=45), "1 d 2 h 45 min"),
        (timedelta(seconds=30), "30 s"),
        (timedelta(), "0 s"),
    ],
)
def test_durations_are_written_as_people_say_them(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text
