"""The health of a stack as an HTML page that loads nothing else, to be left open on a screen or printed."""

from datetime import datetime
from pathlib import Path
from typing import Final

from core.pages import open_templates
from status.assessment import QUOTA_ATTENTION, QUOTA_WRONG, Assessment, describe_quota, newest_drill, rough
from status.deadlines import ends_soon
from status.health import Health

_TEMPLATES: Final = open_templates(Path(__file__).parent)
_OLD_SECONDS: Final = 3_600
"""A page that is open for so long says that it may be old."""


def _format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


_TEMPLATES.filters.update(duration=rough, time=_format_time)


def render_page(health: Health, assessment: Assessment, *, refresh_seconds: float | None = None) -> str:
    """
    Return the page.

    Args:
        health: What was found.
        assessment: What it means.
        refresh_seconds: After so long a browser loads the page again; None: not by itself.
    """
    return _TEMPLATES.get_template("page.html").render(
        health=health,
        assessment=assessment,
        refresh_seconds=refresh_seconds and round(refresh_seconds),
        old_seconds=_OLD_SECONDS,
        describe_quota=describe_quota,
        quota_levels=(QUOTA_ATTENTION, QUOTA_WRONG),
        newest_drill=lambda store: newest_drill(health, store),
        ends_soon=lambda deadline: ends_soon(deadline, health.looked_at.date()),
        monitors=[one for one in health.monitors.found or () if one.kind == "monitor"],
        heartbeats=[one for one in health.monitors.found or () if one.kind == "heartbeat"],
        seconds_since=lambda moment: max(0.0, (health.looked_at - moment).total_seconds()),
    )
