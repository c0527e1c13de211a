"""When maintenance windows are open."""

from datetime import UTC, datetime
from typing import Any

import pytest

from twin.uptimerobot.maintenance_windows import is_in_maintenance, is_open

MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def window(interval: str, **attributes: Any) -> dict[str, Any]:
    return {"interval": interval, "time": "11:30:00", "duration": 60, **attributes}


@pytest.mark.parametrize(
    ("given", "opened"),
    [
        (window("daily"), True),
        (window("daily", duration=30), False),
        (window("daily", time="12:00:01"), False),
        (window("daily", time="23:00:00", duration=13 * 60 + 1), True),
        (window("weekly", days=[1]), True),
        (window("weekly", days=[2, 7]), False),
        (window("weekly", days=[6], time="12:30:00", duration=2 * 1440), True),
        (window("monthly", days=[23]), True),
        (window("monthly", days=[-1]), False),
        (window("once", date="2026-11-23"), True),
        (window("once", date="2026-11-24"), False),
    ],
)
def test_a_maintenance_window_is_open_from_its_start_for_its_duration(
    given: dict[str, Any], opened: bool
) -> None:
    assert is_open(given, MONDAY_NOON) is opened


def test_the_last_day_of_a_month_is_minus_one() -> None:
    last_of_february = datetime(2028, 2, 29, 12, 0, tzinfo=UTC)
    assert is_open(window("monthly", days=[-1]), last_of_february)


@pytest.mark.parametrize(
    ("monitor", "attributes", "covered"),
    [
        ({"maintenanceWindowIds": [7]}, {}, True),
        ({"maintenanceWindowIds": [8]}, {}, False),
        ({}, {"monitorIds": [1]}, True),
        ({}, {"monitorIds": [0]}, True),
        ({}, {"monitorIds": [2]}, False),
        ({}, {"autoAddMonitors": True}, True),
    ],
)
def test_a_maintenance_window_covers_a_monitor_by_a_reference_on_either_side(
    monitor: dict[str, Any], attributes: dict[str, Any], covered: bool
) -> None:
    assert is_in_maintenance("1", monitor, {"7": window("daily", **attributes)}, MONDAY_NOON) is covered
