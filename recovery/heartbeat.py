"""Reports the runs of a job to its monitors: start and end to Sentry, success to UptimeRobot."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal

from tenacity import Retrying, stop_after_attempt, wait_exponential

from core.log import RunEvents
from recovery.context import RecoveryContext

if TYPE_CHECKING:
    import httpx

_log = RunEvents()
_TIMEOUT_SECONDS = 10.0
_ATTEMPTS = 4

RunStatus = Literal["in_progress", "ok", "error"]


@contextmanager
def report_run(context: RecoveryContext, job: str) -> Generator[None]:
    """
    Report the block as a run of the job: in progress, then ok or error.

    A monitor that can't be reached does not fail the run: monitors alert when a report is missing.
    """
    checkin_id = uuid.uuid4().hex
    _send_check_in(context, job, checkin_id, "in_progress")
    try:
        yield
    except BaseException:
        _report_end(context, job, checkin_id, succeeded=False)
        raise
    _report_end(context, job, checkin_id, succeeded=True)


def report_result(context: RecoveryContext, job: str, *, succeeded: bool) -> None:
    """Report the end of a run of the job whose begin nobody reported, because another process ran it."""
    _report_end(context, job, uuid.uuid4().hex, succeeded=succeeded)


def _report_end(context: RecoveryContext, job: str, checkin_id: str, *, succeeded: bool) -> None:
    _send_check_in(context, job, checkin_id, "ok" if succeeded else "error")
    if succeeded and (url := context.heartbeat_urls.get(job)):
        send_heartbeat(job, url)


def send_heartbeat(job: str, url: str) -> None:
    """Tell a job's heartbeat that it has run; a monitor that can't be reached is only logged."""
    _get_url(job, url, "heartbeat", {})


def _send_check_in(context: RecoveryContext, job: str, checkin_id: str, status: RunStatus) -> None:
    if url := context.checkin_urls.get(job):
        _get_url(job, url, f"check-in {status}", {"status": status, "check_in_id": checkin_id})


@cache
def _http_client() -> "httpx.Client":
    """Return the client of all reports: each new one would read every certificate authority, for 25 ms."""
    import httpx  # noqa: PLC0415 - see _get_url

    return httpx.Client(timeout=_TIMEOUT_SECONDS, limits=httpx.Limits(max_keepalive_connections=0))


def _get_url(job: str, url: str, what: str, parameters: dict[str, str]) -> None:
    import httpx  # noqa: PLC0415 - a fifth of a second, for which a command without monitors need not wait

    # The URL is a secret: it can silence the alarm. So no exception of httpx is logged, which would quote it.
    try:
        for attempt in Retrying(
            stop=stop_after_attempt(_ATTEMPTS), wait=wait_exponential(multiplier=0.5, max=5), reraise=True
        ):
            with attempt:
                _http_client().get(url, params=parameters or None).raise_for_status()
    except httpx.HTTPError as error:
        _log.warning("monitor not reached", job=job, what=what, why=type(error).__name__)
