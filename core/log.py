"""
The log of a run: one line of `name=value` pairs per event (logfmt), to standard error.

It imports nothing slow; structlog, which the services of the twin use, imports rich and pygments.
"""

import json
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal

from core.text import printable

_PLAIN_VALUE: Final = re.compile(r'[^\s="]+')


class RunEvents:
    """Writes events. Each line has `facts` beside those of its event, and nothing commands a terminal."""

    def __init__(self, **facts: Any) -> None:
        self._facts = facts

    def info(self, event: str, **facts: Any) -> None:
        self._write("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._write("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._write("error", event, facts)

    def _write(self, level: Literal["info", "warning", "error"], event: str, facts: dict[str, Any]) -> None:
        moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        pairs = {"timestamp": moment, "level": level, "event": event, **self._facts, **facts}
        sys.stderr.write(
            " ".join(f"{printable(name)}={_format(value)}" for name, value in pairs.items()) + "\n"
        )


def _format(value: Any) -> str:
    """Return a value as logfmt has it: `true`, `false`, and quoted where it isn't a plain word."""
    text = str(value).lower() if isinstance(value, bool) else "" if value is None else printable(str(value))
    return text if _PLAIN_VALUE.fullmatch(text) or not text else json.dumps(text, ensure_ascii=False)
