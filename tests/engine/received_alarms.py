"""The alarms of the twin's AWS that arrived in a twin's inbox."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from twin.host.home import TwinHome
from twin.vendor.inbox import RECEIVED
from twin.vendor.store import VendorStore

WAIT_SECONDS, QUIET_SECONDS = 15.0, 0.5


def list_alarms(home: TwinHome) -> list[tuple[str, dict[str, str]]]:
    """Return the alarms that arrived: the channel, and the message."""
    told: list[tuple[str, dict[str, str]]] = []
    for entry in VendorStore(home.vendors).read_log(RECEIVED):
        body: Any = entry.content["body"]
        text = body.get("text", body) if isinstance(body, dict) else body
        message = json.loads(text) if isinstance(text, str) and text.startswith("{") else text
        if isinstance(message, dict) and "runbook" in message:
            told.append((entry.content["channel"], message))
    return told


def wait_for_alarms(home: TwinHome, count: int) -> None:
    """Wait until so many alarms have arrived since the twin was made, or too long."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and len(list_alarms(home)) < count:
        time.sleep(0.1)


@contextmanager
def no_alarms(home: TwinHome) -> Generator[None]:
    """Fail if an alarm arrives that is raised while the context lasts; one of before may come late."""
    time.sleep(1.0 - time.time() % 1.0)  # an event has its time in whole seconds
    begun = datetime.now(UTC).replace(microsecond=0)
    yield
    time.sleep(QUIET_SECONDS)
    raised = [told for told in list_alarms(home) if datetime.fromisoformat(told[1]["at"]) >= begun]
    assert raised == []
