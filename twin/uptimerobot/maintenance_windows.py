"""UptimeRobot's maintenance windows: which are open, and which monitors they cover. Times are UTC."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from twin.vendor.store import Attributes


def is_in_maintenance(
    monitor_id: str, monitor: Attributes, windows: Mapping[str, Attributes], moment: datetime
) -> bool:
    """Return whether an open window covers the monitor: the monitor names the window, or the reverse."""
    chosen = {str(int(number)) for number in monitor.get("maintenanceWindowIds") or ()}
    return any(
        is_open(window, moment)
        for window_id, window in windows.items()
        if window_id in chosen or _covers(window, monitor_id)
    )


def is_open(window: Attributes, moment: datetime) -> bool:
    """Return whether the window is open; it may have opened on an earlier day."""
    duration = timedelta(minutes=window["duration"])
    opening = time.fromisoformat(window["time"])
    today = moment.astimezone(UTC).date()
    days = (today - timedelta(days=back) for back in range(duration.days + 2))
    starts = (datetime.combine(day, opening, UTC) for day in days if _opens_on(window, day))
    return any(start <= moment < start + duration for start in starts)


def _covers(window: Attributes, monitor_id: str) -> bool:
    """Return whether the window covers the monitor; 0 in monitorIds stands for all monitors."""
    listed = {int(number) for number in window.get("monitorIds") or ()}
    return window.get("autoAddMonitors") is True or 0 in listed or int(monitor_id) in listed


def _opens_on(window: Attributes, day: date) -> bool:
    days = {int(number) for number in window.get("days") or ()}
    match window["interval"]:
        case "once":
            return window.get("date") == day.isoformat()
        case "daily":
            return True
        case "weekly":
            return day.isoweekday() in days
        case _:  # monthly; -1 is the last day
            last_day = (day + timedelta(days=1)).day == 1
            return day.day in days or (-1 in days and last_day)
