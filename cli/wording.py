"""How sizes, days and locks are written."""

from datetime import datetime


def size(count: int) -> str:
    rest = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if rest < 1000:
            return f"{rest:.0f} {unit}" if unit == "B" else f"{rest:.1f} {unit}"
        rest /= 1000
    return f"{rest:.1f} TB"


def day(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None


def lock(until: datetime | None) -> str:
    return f"locked until {day(until)}" if until else "not locked"
