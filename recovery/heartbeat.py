"""Tells the monitors how a job goes: Sentry of each start and end, UptimeRobot of success alone."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import httpx
import structlog
from tenacity import Retrying, stop_after_attempt, wait_exponential

from recovery.context import RecoveryContext

_log = structlog.get_logger("heartbeat")
_TIMEOUT_SECONDS = 10.0
_ATTEMPTS = 4

CheckInStatus = Literal["in_progress", "ok", "error"]


@contextmanager
def report_run(site: RecoveryContext, job: str) -> Generator[None]:
    """
    Report a run: in progress, then ok or error.

    A monitor that can't be reached does not fail the run; its silence is what it will alert about.
    """
    checkin = uuid.uuid4().hex
    _checkin(site, job, checkin, "in_progress")
    try:
        yield
    except BaseException:
        _checkin(site, job, checkin, "error")
        raise
    _checkin(site, job, checkin, "ok")
    if url := site.heartbeat_urls.get(job):
        _called(job, url, "heartbeat", {})


def _checkin(site: RecoveryContext, job: str, checkin: str, status: CheckInStatus) -> None:
    if url := site.checkin_urls.get(job):
        _called(job, url, f"check-in {status}", {"status": status, "check_in_id": checkin})


def _called(job: str, url: str, what: str, parameters: dict[str, str]) -> None:
    # Whoever knows the address can silence the alarm: it is in no message, an httpx exception's included.
    try:
        for attempt in Retrying(
            stop=stop_after_attempt(_ATTEMPTS), wait=wait_exponential(multiplier=0.5, max=5), reraise=True
        ):
            with attempt:
                httpx.get(url, params=parameters or None, timeout=_TIMEOUT_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        _log.warning("monitor not reached", job=job, what=what, why=type(error).__name__)
