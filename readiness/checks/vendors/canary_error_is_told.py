"""An error that is sent to Sentry becomes an issue, and an alert of its project fires."""

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from core.failure import Failure, split_failure
from live.sentry import (
    SentryAlert,
    SentryIssue,
    list_alerts,
    list_monitors,
    list_open_issues,
    resolve_issue,
)
from live.vendor_api import WritingApi
from policies.framework.controls import Control
from readiness.canary_event import send_canary
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

LONGEST_SECONDS = 60.0
"""How long an error may take until it is an issue, and its alert until it fires."""

_PAUSE_SECONDS: Final = 0.5
_T = TypeVar("_T")


def _look(platform: LivePlatform) -> Observation:
    errors, tracking = platform.settings.errors, platform.errors
    if not errors or tracking is None:
        raise NotApplicableError("the stack declares no error tracking (bulwark:errors)")
    seen = Observation()
    with tracking.open_api() as api:
        for service, dsn in sorted(tracking.read_dsns().items()):
            before = {alert.id: alert.lastTriggered for alert in list_alerts(api, errors.organization)}
            begin = time.monotonic()
            try:
                title = send_canary(dsn, environment=errors.environment, uses_proxies=tracking.uses_proxies)
            except Failure as failure:
                seen.problems.append(f"{service}: {split_failure(failure)[0]}")
                continue
            issue = _wait(lambda title=title: _find_issue(api, errors.organization, title))
            seen.measured[f"{service}, an issue"] = _since(begin, issue)
            if issue is None:
                seen.problems.append(f"an error of {service} becomes no issue within {LONGEST_SECONDS:g} s")
                continue
            alert = _wait(
                lambda issue=issue, before=before: _find_fired(api, errors.organization, issue, before)
            )
            fired = f", {alert.name}" if alert else ""
            seen.measured[f"{service}, an alert"] = f"{_since(begin, alert)}{fired}"
            seen.expect(alert, f"no alert of {service} fires within {LONGEST_SECONDS:g} s of a new error")
            try:
                resolve_issue(api, errors.organization, issue.id)
            except Failure:  # a token that only reads
                seen.measured[f"{service}, left open"] = issue.shortId
    return seen


def _find_issue(api: WritingApi, organization: str, title: str) -> SentryIssue | None:
    return next((issue for issue in list_open_issues(api, organization) if issue.title == title), None)


def _find_fired(
    api: WritingApi, organization: str, issue: SentryIssue, before: Mapping[str, object]
) -> SentryAlert | None:
    """Return an alert of the issue's project that has fired since."""
    monitors = {
        monitor.id for monitor in list_monitors(api, organization) if monitor.projectId == issue.project.id
    }
    return next(
        (
            alert
            for alert in list_alerts(api, organization)
            if monitors & set(alert.detectorIds)
            and alert.lastTriggered
            and alert.lastTriggered != before.get(alert.id)
        ),
        None,
    )


def _wait(find: Callable[[], _T | None]) -> _T | None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while (found := find()) is None and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return found


def _since(begin: float, found: object) -> str:
    return f"after {time.monotonic() - begin:.1f} s" if found else "never"


CHECK: Final = ReadinessCheck(
    id="canary-error-is-told",
    title="An error reaches Sentry, and its alert fires",
    area="monitoring",
    priority="critical",
    looks_at=(
        "One error for each service with error tracking, sent to its project as an SDK does: whether it "
        "becomes an issue, and whether an alert of the project fires. The issue is resolved again; whoever "
        "is told of new errors is told of it."
    ),
    risk="Errors are dropped by a key, a filter, a quota or an alert that is off, and nobody knows.",
    fix=(
        "See at Sentry the project's client key and its rate limit, its inbound filters, the organization's "
        "quota, and the alerts for new issues; then `./bulwark up`."
    ),
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4, Control.NIST_AU_2),
    look=_look,
    is_active=True,
    limit_seconds=300.0,
)
