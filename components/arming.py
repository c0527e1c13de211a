"""Makes the monitors unarmed whose address has not answered yet, so that a new platform pages nobody."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol, cast

import pulumi

from core.arming import SWITCHES


@dataclass(frozen=True)
class DeclaredMonitor:
    """A monitor as the program declares it."""

    name: str
    """The resource's."""

    address: str
    """What it looks at; empty for a heartbeat, which waits for a call."""

    keyword: str
    """What the answer must contain; empty if any does."""

    statuses: tuple[str, ...]
    """HTTP statuses of an answer that counts, such as `200` or `2xx`."""

    follows_redirects: bool


class ArmingGate(Protocol):
    """Decides which monitors are armed."""

    def arms(self, monitor: DeclaredMonitor) -> bool: ...


GATE: Final[ContextVar[ArmingGate | None]] = ContextVar("arming_gate", default=None)
"""Without a gate every monitor is armed as it is declared, as in a run of the plain engine."""


def arm_monitors(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """
    Return what to make of a resource: a monitor that the gate does not arm is switched off.

    One that exists already and is taken over or read stays as it is declared.
    """
    gate, switch = GATE.get(), SWITCHES.get(args.type_)
    if not gate or not switch or args.opts.import_ or args.opts.id:
        return None
    address = args.props.get("url") or ""
    if not isinstance(address, str):  # another resource's output, which is not known yet
        return None
    keyword = args.props.get("keyword_value")
    monitor = DeclaredMonitor(
        args.name,
        address,
        keyword if isinstance(keyword, str) and args.props.get("keyword_type") == "ALERT_NOT_EXISTS" else "",
        # Sentry's want a 2xx after all redirects.
        tuple(cast("Sequence[str]", args.props.get("success_http_response_codes") or ["2xx"])),
        follows_redirects=args.props.get("follow_redirections") is not False,
    )
    if gate.arms(monitor):
        return None
    return pulumi.ResourceTransformationResult({**args.props, switch.argument: not switch.armed}, args.opts)
