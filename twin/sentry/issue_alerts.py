"""Sentry's alerts: which of them an event of an issue triggers, and which contacts they notify."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from twin.host.time_scale import TimeScale
from twin.sentry.issue_conditions import EvaluationContext, evaluate_conditions, unwrap
from twin.vendor.store import Attributes, LogEntry, VendorStore
from twin.vendor.webhooks import Post, WebhookSender, join_parts

Trigger = Literal["firstSeenEvent", "regressionEvent", "reappearedEvent", "issueResolvedTrigger"]

_TRIGGER_TITLES: Mapping[Trigger | None, str] = {
    "firstSeenEvent": "New issue",
    "regressionEvent": "Regressed",
    "reappearedEvent": "Reappeared",
    "issueResolvedTrigger": "Resolved",
    None: "Seen again",
}
_EVENT_FIELDS = ("project", "issue", "level", "environment", "release", "eventId")


@dataclass(frozen=True)
class IssueEvent:
    """One event of one issue. `trigger` is how it changed the issue, None if the issue was open already."""

    issue_id: str
    issue: Attributes
    event: Attributes
    trigger: Trigger | None
    now: float


class IssueAlerts:
    """Evaluates the declared alerts and enqueues their actions, within the caller's transaction."""

    def __init__(self, store: VendorStore, time_scale: TimeScale, sender: WebhookSender) -> None:
        self._store = store
        self._time_scale = time_scale
        self._sender = sender

    def fire(self, issue_event: IssueEvent) -> Attributes:
        """
        Fire the alerts that the event triggers; return the issue with an updated `firedAt`.

        An alert concerns the issue if it names the project's error or issue stream monitor, or the cron or
        uptime monitor that reports the issue. After it fired it is muted for `frequencyMinutes`.
        """
        detectors = self._find_detectors(issue_event.issue)
        fired_at: dict[str, float] = dict(issue_event.issue["firedAt"])
        for alert_id, alert in self._store.list("sentry", "alert").items():
            monitors = set(alert["monitorIds"])
            muted_until = fired_at.get(alert_id, 0.0) + self._time_scale.scale_minutes(
                alert["frequencyMinutes"]
            )
            if not monitors & detectors or issue_event.now < muted_until or not _listens(alert, issue_event):
                continue
            if self._run_actions(alert_id, alert, issue_event):
                fired_at[alert_id] = issue_event.now
        return {**issue_event.issue, "firedAt": fired_at}

    def _find_detectors(self, issue: Attributes) -> set[str]:
        project = (issue["organization"], issue["project"])
        return {issue["detectorId"]} | {
            id_
            for id_, detector in self._store.list("sentry", "detector").items()
            if (detector["organization"], detector["project"]) == project
            and detector["type"] in {"issue_stream", issue["type"]}
        }

    def _run_actions(self, alert_id: str, alert: Attributes, issue_event: IssueEvent) -> bool:
        """Run the actions of the filters that pass; return whether any filter passed."""
        issue = issue_event.issue

        def history() -> list[LogEntry]:
            events = self._store.read_log("events", after=issue["firstEvent"] - 1)
            return [event for event in events if event.content["issue"] == issue_event.issue_id]

        context = EvaluationContext(
            issue,
            issue_event.event,
            alert.get("environment") or "",
            history,
            issue_event.now,
            self._time_scale,
        )
        passed = False
        for action_filter in alert["actionFilters"]:
            conditions = action_filter.get("conditions") or ()
            verdict, unknown = evaluate_conditions(context, action_filter["logicType"], conditions)
            if verdict is False:
                continue
            for action in action_filter["actions"]:
                kind, settings = unwrap(action)
                post, contact = self._build_post(kind, settings, alert, issue_event)
                if verdict is None:
                    post = f"not fired: the twin cannot evaluate {', '.join(unknown)}"
                entry = {
                    "source": "sentry",
                    "kind": kind,
                    "contact": contact,
                    "alert": alert.get("name") or alert_id,
                    "alertId": alert_id,
                    "issue": issue_event.issue_id,
                    "project": issue["project"],
                    "title": issue["title"],
                    "event": _TRIGGER_TITLES[issue_event.trigger],
                }
                self._sender.enqueue(post, entry)
            passed = passed or verdict is True
        return passed

    def _build_post(
        self, kind: str, settings: Mapping[str, Any], alert: Attributes, issue_event: IssueEvent
    ) -> tuple[Post | str, str]:
        """Return the POST to whom an action tells, or why there is none, and the name of the contact."""
        event, title = issue_event.event, _TRIGGER_TITLES[issue_event.trigger]
        text = join_parts((f"{title}: {event['title']}", event["culprit"], event["message"]))
        about = {"alert": alert.get("name"), **{name: event[name] for name in _EVENT_FIELDS}}
        match kind:
            case "email":
                contact = self._find_recipient(settings)
                subject = f"[{event['project']}] {title}: {event['title']}"
                body: dict[str, Any] = {"to": contact, "subject": subject, "text": text, "about": about}
            case "slack":
                contact = str(settings["channelName"])
                body = {"channel": contact, "text": text, "notes": settings.get("notes"), "about": about}
            case "pagerduty":
                contact = str(settings["serviceName"])
                service = self._store.get("sentry", "integrationPagerduty", str(settings["serviceId"])) or {}
                page = _pagerduty_event(settings, issue_event, text, about)
                return self._sender.page_post(contact, service.get("integrationKey", ""), page), contact
            case "webhook":
                contact = str(settings["service"])
                body = {"text": text, "about": about}
            case other:
                return f"the twin cannot deliver to {other}", other
        return self._sender.inbox_post(f"{kind}:{contact}", body), contact

    def _find_recipient(self, settings: Mapping[str, Any]) -> str:
        """Return `team:<slug>`, else the target type and the target of the action."""
        target_type, target = settings["targetType"], str(settings.get("targetId") or "")
        for team in self._store.list("sentry", "team").values():
            if target_type == "team" and str(team.get("internalId")) == target:
                return f"team:{team['slug']}"
        return f"{target_type}:{target}".removesuffix(":")


def _listens(alert: Attributes, issue_event: IssueEvent) -> bool:
    """Return whether the alert listens to the event; without trigger conditions it listens to every event."""
    triggers = [unwrap(condition)[0] for condition in alert.get("triggerConditions") or ()]
    trigger = issue_event.trigger
    is_triggered = trigger in triggers if triggers else trigger != "issueResolvedTrigger"
    same_environment = (alert.get("environment") or "") in {"", issue_event.event["environment"]}
    return alert.get("enabled") is not False and is_triggered and same_environment


def _pagerduty_event(
    settings: Mapping[str, Any], issue_event: IssueEvent, text: str, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an event of PagerDuty's Events API v2 without the routing key."""
    by_level = {"fatal": "critical", "warning": "warning", "info": "info", "debug": "info"}
    level = by_level.get(issue_event.event["level"], "error")
    return {
        "event_action": "resolve" if issue_event.trigger == "issueResolvedTrigger" else "trigger",
        "dedup_key": f"sentry-{issue_event.issue_id}",
        "payload": {
            "summary": text,
            "source": issue_event.event["project"],
            "severity": level if settings["severity"] == "default" else settings["severity"],
            "custom_details": about,
        },
    }
