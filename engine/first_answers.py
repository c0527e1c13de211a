"""
Which monitors are armed: those whose address has answered once.

What is armed is in the stack's state, so arming is one-way: an outage disarms nothing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.arming import SWITCHES
from core.text import printable
from engine.plan_file import ReviewedPlan
from engine.stack_target import StackTarget

if TYPE_CHECKING:
    from components.arming import DeclaredMonitor

_TIMEOUT_SECONDS: Final = 5.0
_MOST_BYTES: Final = 256 << 10
"""Of an answer in which a keyword is looked for."""


@dataclass(frozen=True)
class WaitingMonitor:
    """A monitor that is not armed yet, and why."""

    name: str
    """The resource's."""

    address: str
    """What it looks at; empty for a heartbeat."""

    reason: str
    """A clause that follows the address, such as `answers with HTTP 503`."""


def describe_waiting(waiting: Sequence[WaitingMonitor]) -> str:
    """Return a sentence that says how many monitors are not armed, and what they wait for; empty if none."""
    if not waiting:
        return ""
    reasons = dict.fromkeys(f"{one.address} {one.reason}" for one in waiting if one.address)
    count = f"{len(waiting)} monitors are" if len(waiting) > 1 else "1 monitor is"
    return f"{count} not armed yet: {', '.join(reasons)}."


class FirstAnswers:
    """
    Arms a monitor that the state has armed, or whose address answers as the monitor demands.

    A heartbeat is armed when any of the addresses has answered. What was asked once is not asked again.
    """

    def __init__(self, target: StackTarget, file: Path) -> None:
        """Take a file in a private folder, which tells the policies what waits."""
        self._target = target
        self._file = file
        self._armed: frozenset[str] = frozenset()
        self._reasons: dict[DeclaredMonitor, str] = {}
        """What each address was found to do, by a monitor without a name; empty if it answers."""

        self._planned: frozenset[str] | None = None
        self.waiting: dict[str, WaitingMonitor] = {}
        """Of the program's last run, by the resource's name."""

        self._any_answered = False
        self._write()

    def remember(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Take the resources of the stack's state."""
        self._armed = frozenset(
            _name_of(resource["urn"])
            for resource in resources
            if (switch := SWITCHES.get(resource["type"])) and not switch.is_off(resource.get("inputs") or {})
        )

    def follow(self, plan: ReviewedPlan) -> None:
        """Arm what a reviewed plan arms, and nothing else."""
        self._planned = frozenset(
            _name_of(urn)
            for urn, planned in plan.items()
            if (switch := _switch_of(urn)) and planned.inputs.get(switch.name) is switch.armed
        )

    def arms(self, monitor: "DeclaredMonitor") -> bool:
        """Tell whether a monitor is to be armed; note it as waiting if not."""
        reason = self._find_reason(monitor)
        if not reason:
            self._any_answered = self._any_answered or bool(monitor.address)
            self.waiting.pop(monitor.name, None)
        else:
            self.waiting[monitor.name] = WaitingMonitor(monitor.name, monitor.address, reason)
        self._write()
        return not reason

    def ask_again(self) -> bool:
        """Ask the waiting addresses once more; tell whether one of them answers now."""
        if self._planned is not None:
            return False
        asked = [monitor for monitor, reason in self._reasons.items() if reason]
        self._reasons = {monitor: why for monitor, why in self._reasons.items() if not why}
        return "" in [self._ask_once(monitor) for monitor in asked]

    def _find_reason(self, monitor: "DeclaredMonitor") -> str:
        """Return why a monitor has to wait; empty if it is armed."""
        if monitor.name in self._armed:
            return ""
        if self._planned is not None:
            return "" if monitor.name in self._planned else "did not answer when the plan was made"
        if monitor.address:
            return self._ask_once(monitor)
        return "" if self._any_answered or not self.waiting else "waits for the platform's first answer"

    def _ask_once(self, monitor: "DeclaredMonitor") -> str:
        question = replace(monitor, name="")
        if question not in self._reasons:
            self._reasons[question] = _ask(self._target, question)
        return self._reasons[question]

    def _write(self) -> None:
        self._file.write_text(json.dumps(sorted(self.waiting)))


class ArmedAsBefore:
    """Arms what a state has armed, and what it does not know."""

    def __init__(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Take the resources of the state."""
        self._unarmed = {
            _name_of(resource["urn"])
            for resource in resources
            if (switch := SWITCHES.get(resource["type"])) and switch.is_off(resource.get("inputs") or {})
        }

    def arms(self, monitor: "DeclaredMonitor") -> bool:
        return monitor.name not in self._unarmed


def _ask(target: StackTarget, monitor: "DeclaredMonitor") -> str:
    """Return why an address does not answer as its monitor demands; empty if it does."""
    import httpx  # noqa: PLC0415 - takes a fifth of a second, and most runs ask nothing

    keyword = monitor.keyword.encode()
    try:
        with (
            httpx.Client(
                verify=target.tls_context(),
                trust_env=target.uses_proxies,
                follow_redirects=monitor.follows_redirects,
                timeout=_TIMEOUT_SECONDS,
            ) as client,
            client.stream("GET", monitor.address) as response,
        ):
            if not {str(response.status_code), f"{response.status_code // 100}xx"} & {*monitor.statuses}:
                return f"answers with HTTP {response.status_code}"
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if not keyword or keyword in body or len(body) > _MOST_BYTES:
                    break
            return "" if keyword in body else "answers without the keyword"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"does not answer ({printable(str(error)) or type(error).__name__})"


def _switch_of(urn: str) -> Any:
    return SWITCHES.get(urn.split("::")[2].rpartition("$")[2])


def _name_of(urn: str) -> str:
    return urn.rpartition("::")[2]
