"""The table of docs/runbooks/credential.md: `python -m recovery.drill.credentials.runbook`."""

import sys
from typing import Final

from recovery.drill.credentials.intruders import INTRUDERS, Intruder

TABLE_START: Final = "<!-- table of the drill's expectations -->"
TABLE_END: Final = "<!-- end of the table -->"


def render_table() -> str:
    """Return the table of what each credential reaches, what is lost, and what to do."""
    rows = [
        "| stolen | it reaches | lost | allowed of the drill's calls | do |",
        "|---|---|---|---|---|",
        *map(_row, INTRUDERS),
    ]
    return "\n".join(rows) + "\n"


def _row(intruder: Intruder) -> str:
    lost = ", ".join(intruder.loses) or "no copy"
    allowed = sum(intruder.find_rest(call) is not None for call in intruder.calls)
    count = f"{allowed} of {len(intruder.calls)}" if intruder.calls else "-"
    return f"| {intruder.credential} | {intruder.reaches} | {lost} | {count} | {intruder.answer} |"


if __name__ == "__main__":
    sys.stdout.write(render_table())
