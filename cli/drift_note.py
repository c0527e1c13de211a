"""What `./bulwark audit --live` found last on this machine, for `./bulwark status`."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.documents import DocumentError, read_file, read_json
from engine.stack_target import StackTarget
from engine.targets import state_folder
from status.health import DriftHealth

if TYPE_CHECKING:
    from cli.live_report import LiveAudit  # which imports the policies and the engine's SDK


def read(target: StackTarget) -> DriftHealth | None:
    """Return what was found; None if nobody looked, or the note can't be read."""
    try:
        return read_json(read_file(_file(target)), DriftHealth)
    except (OSError, DocumentError):
        return None


def write(target: StackTarget, audit: "LiveAudit") -> None:
    """Note what was found. Where that can't be written, `status` says that nobody looked."""
    refusals = len(audit.verdicts.refusals) if audit.verdicts else 0
    note = DriftHealth(
        looked_at=datetime.now(UTC),
        passes=audit.passes,
        differences=len(audit.drift) + len(audit.findings) + len(audit.problems) + refusals,
        unknown=len(audit.unknown),
    )
    file = _file(target)
    with suppress(OSError):
        state_folder().create()
        partial = file.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(note.model_dump_json())
        partial.replace(file)


def _file(target: StackTarget) -> Path:
    return state_folder().root / f"drift-{target.location}-{target.name}.json"
