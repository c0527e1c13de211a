"""By which input a monitor of each vendor is armed; until its address has answered once it is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

UNARMED_VARIABLE: Final = "BULWARK_UNARMED"
"""Names a file with the names of the resources that are made unarmed, a JSON list; `./bulwark` writes it."""


@dataclass(frozen=True)
class ArmingSwitch:
    """The input that arms a monitor."""

    name: str
    """As the engine and the policies have it."""

    argument: str
    """As the program has it."""

    armed: bool
    """Its value in an armed monitor."""

    def is_off(self, inputs: Mapping[str, Any]) -> bool:
        """Tell whether a monitor with these inputs is not armed."""
        return inputs.get(self.name) is (not self.armed)


SWITCHES: Final[Mapping[str, ArmingSwitch]] = {
    "uptimerobot:index/monitor:Monitor": ArmingSwitch("isPaused", "is_paused", armed=False),
    "sentry:index/uptimeMonitor:UptimeMonitor": ArmingSwitch("enabled", "enabled", armed=True),
}
"""Type of a resource -> its switch. A cron monitor of Sentry has none: it waits for its first check-in by
itself."""
