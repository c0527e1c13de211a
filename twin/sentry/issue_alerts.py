"""Sentry's alerts: which of them an issue's event triggers, and whom they tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from twin.host.time_scale import TimeScale
from twin.sentry.issue_conditions import EvaluationContext, chosen, holds
from twin.vendor.store import Attributes, Recorded, VendorStore
from twin.vendor.webhooks import Post, WebhookSender, joined

Trigger = Literal["firstSeenEvent", "regressionEvent", "reappearedEvent", "issueResolvedTrigger"]

_SPOKEN: Mapping[Trigger | None, str] = {
    "firstSeenEvent": "New issue",
    "regressionEvent": "Regressed",
    "reappearedEvent": "Reappeared",
    "issueResolvedTrigger": "Resolved",
    None: "Seen again",
}
_TOLD = ("project", "issue", "level", "environment", "release", "eventId")


@dataclass(frozen=True)
class Sighting:
    """One event of one issue, and what it means for the issue; None when the issue was open already."""

    issue_id: str
    issue: Attributes
    event: Attributes
    trigger: Trigger | None
    now: float


class IssueAlerts:
    """Evaluates the declared alerts and enqueues what they do, within the caller's transaction."""

    def __init__(self, store: VendorStore, pace: TimeScale, courier: WebhookSender) -> None:
        self._store = store
        self._pace = pace
        self._courier = courier

    def fire(self, sighting: Sighting) -> Attributes:
        """
        Return the issue with `firedAt` brought up to date.

        An alert concerns the issue when it names the project's error or issue stream monitor, or the cron or
        uptime monitor that reports it; it has no say again for `frequencyMinutes`.
        """
        detectors = self._detectors(sighting.issue)
        fired_at: dict[str, float] = dict(sighting.issue["firedAt"])
        for alert_id, alert in self._store.list("sentry", "alert").items():
            named = set(alert["monitorIds"])
            muted_until = fired_at.get(alert_id, 0.0) + self._pace.minutes(alert["frequencyMinutes"])
            if not named & detectors or sighting.now < muted_until or not _awake(alert, sighting):
                continue
            if self._act(alert_id, alert, sighting):
                fired_at[alert_id] = sighting.now
        return {**sighting.issue, "firedAt": fired_at}

    def _detectors(self, issue: Attributes) -> set[str]:
        project = (issue["organization"], issue["project"])
        return {issue["detectorId"]} | {
            id_
            for id_, detector in self._store.list("sentry", "detector").items()
            if (detector["organization"], detector["project"]) == project
            and detector["type"] in {"issue_stream", issue["type"]}
        }

    def _act(self, alert_id: str, alert: Attributes, sighting: Sighting) -> bool:
        """Carry out the action filters that pass; say whether any did."""
        issue = sighting.issue

        def history() -> list[Recorded]:
            events = self._store.recorded("events", after=issue["firstEvent"] - 1)
            return [recorded for recorded in events if recorded.entry["issue"] == sighting.issue_id]

        scene = EvaluationContext(
            issue, sighting.event, alert.get("environment") or "", history, sighting.now, self._pace
        )
        passed = False
        for action_filter in alert["actionFilters"]:
            verdict, unknown = holds(scene, action_filter["logicType"], action_filter.get("conditions") or ())
            if verdict is False:
                continue
            for action in action_filter["actions"]:
                kind, asked = chosen(action)
                post, contact = self._post(kind, asked, alert, sighting)
                if verdict is None:
                    post = f"not fired: the twin cannot evaluate {', '.join(unknown)}"
                entry = {
                    "source": "sentry",
                    "kind": kind,
                    "contact": contact,
                    "alert": alert.get("name") or alert_id,
                    "alertId": alert_id,
                    "issue": sighting.issue_id,
                    "project": issue["project"],
                    "title": issue["title"],
                    "event": _SPOKEN[sighting.trigger],
                }
                self._courier.enqueue(post, entry)
            passed = passed or verdict is True
        return passed

    def _post(
        self, kind: str, asked: Mapping[str, Any], alert: Attributes, sighting: Sighting
    ) -> tuple[Post | str, str]:
        """Return what to send and a name for the one who gets it; all of it goes to the twin's sink."""
        event, spoken = sighting.event, _SPOKEN[sighting.trigger]
        text = joined((f"{spoken}: {event['title']}", event["culprit"], event["message"]))
        about = {"alert": alert.get("name"), **{name: event[name] for name in _TOLD}}
        match kind:
            case "email":
                contact = self._recipient(asked)
                subject = f"[{event['project']}] {spoken}: {event['title']}"
                body: dict[str, Any] = {"to": contact, "subject": subject, "text": text, "about": about}
            case "slack":
                contact = str(asked["channelName"])
                body = {"channel": contact, "text": text, "notes": asked.get("notes"), "about": about}
            case "pagerduty":
                contact = str(asked["serviceName"])
                body = _pagerduty(asked, sighting, text, about)
            case "webhook":
                contact = str(asked["service"])
                body = {"text": text, "about": about}
            case other:
                return f"the twin cannot deliver to {other}", other
        return self._courier.sink(f"{kind}:{contact}", body), contact

    def _recipient(self, asked: Mapping[str, Any]) -> str:
        """Name a team by its slug; issue owners and users by what the alert says of them."""
        target_type, target = asked["targetType"], str(asked.get("targetId") or "")
        for team in self._store.list("sentry", "team").values():
            if target_type == "team" and str(team.get("internalId")) == target:
                return f"team:{team['slug']}"
        return f"{target_type}:{target}".removesuffix(":")


def _awake(alert: Attributes, sighting: Sighting) -> bool:
    """Say whether the alert listens to this: without trigger conditions it listens to every event."""
    triggers = [chosen(condition)[0] for condition in alert.get("triggerConditions") or ()]
    trigger = sighting.trigger
    listens = trigger in triggers if triggers else trigger != "issueResolvedTrigger"
    same_environment = (alert.get("environment") or "") in {"", sighting.event["environment"]}
    return alert.get("enabled") is not False and listens and same_environment


def _pagerduty(
    asked: Mapping[str, Any], sighting: Sighting, text: str, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an event of PagerDuty's Events API v2 without the routing key, which is a secret."""
    by_level = {"fatal": "critical", "warning": "warning", "info": "info", "debug": "info"}
    level = by_level.get(sighting.event["level"], "error")
    return {
        "routing_key": "(withheld by the twin)",
        "event_action": "resolve" if sighting.trigger == "issueResolvedTrigger" else "trigger",
        "dedup_key": f"sentry-{sighting.issue_id}",
        "payload": {
            "summary": text,
            "source": sighting.event["project"],
            "severity": level if asked["severity"] == "default" else asked["severity"],
            "custom_details": about,
        },
    }
