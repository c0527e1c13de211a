"""
UptimeRobot's incidents, and what was sent of each, as its API lists them.

Source: uptimerobot.com/api/v3, "Incidents". An incident that has ended is listed no more.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from starlette.responses import JSONResponse, Response

from twin.uptimerobot.model import UptimeRobot
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest
from twin.vendor.store import Attributes
from twin.vendor.webhooks import DELIVERIES

_TYPES = {"down": "Downtime", "slow": "SlowResponse"}
_REMINDER = "SSL expiry"
"""An alert that belongs to no incident."""


def list_incidents(model: UptimeRobot, request: ApiRequest) -> Response:
    """Answer `GET /incidents`, the newest first, by `monitor_id` and `started_after`."""
    after = datetime.fromisoformat(request.query.get("started_after") or "1970-01-01T00:00:00Z").timestamp()
    monitor = request.query.get("monitor_id")
    found = [
        _to_json(model, number, incident)
        for number, incident in model.store.list("twin", "incident").items()
        if incident["started"] >= after and monitor in {None, incident["monitor"]}
    ]
    return JSONResponse({"data": sorted(found, key=lambda incident: int(incident["id"]), reverse=True)})


def list_alerts(model: UptimeRobot, request: ApiRequest) -> Response:
    """Answer `GET /incidents/{id}/alerts`, the oldest first."""
    incident = model.store.get("twin", "incident", request.path["id"])
    if incident is None:
        raise VendorError(404, f"Incident {request.path['id']} not found")
    return JSONResponse({"data": list(_list_sent(model, incident))})


def _list_sent(model: UptimeRobot, incident: Attributes) -> Iterator[Attributes]:
    for recorded in model.store.read_log(DELIVERIES):
        sent = recorded.content
        is_of_monitor = (sent["source"], sent.get("monitorId")) == ("uptimerobot", incident["monitor"])
        if is_of_monitor and sent["event"] != _REMINDER and recorded.unix_time >= incident["started"]:
            yield {
                "timestamp": _to_time(recorded.unix_time),
                "recipientName": sent["contact"],
                "recipientValue": sent["contact"],  # the log has no address
                "channelType": sent["kind"],
                "status": "SUCCESS" if sent["outcome"] == "delivered" else "NOT_DELIVERED",
            }


def _to_json(model: UptimeRobot, number: str, incident: Attributes) -> Attributes:
    monitor = model.store.get(model.vendor, "monitor", incident["monitor"]) or {}
    return {
        "id": number,
        "status": "Ongoing",
        "type": _TYPES[incident["trouble"]],
        "reason": incident["detail"],
        "monitor": {"id": int(incident["monitor"]), "friendlyName": monitor.get("name", "")},
        "startedAt": _to_time(incident["started"]),
        "resolvedAt": None,
    }


def _to_time(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds")
