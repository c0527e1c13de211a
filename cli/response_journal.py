"""Where this machine keeps the records of a stack's responses."""

from engine.stack_target import StackTarget
from engine.targets import state_folder
from respond.journal import ResponseJournal


def open_journal(target: StackTarget) -> ResponseJournal:
    """Open the records of a stack's responses, which need not exist yet."""
    home = state_folder()
    home.create()
    return ResponseJournal(home.root / "responses" / f"{target.name}-{target.location}")
