"""How a command ends: its last lines say what failed, why, and what to type."""

import sys
from dataclasses import dataclass

from core.failure import Failure


@dataclass(frozen=True)
class Ending:
    """The end of a command: whether all is well, one sentence that says it, and what to type next."""

    passes: bool
    sentence: str
    next_step: str = ""

    def write(self) -> None:
        """Write it as the last lines: a success to standard output, anything else as a failure is written."""
        if not self.passes:
            sys.stdout.flush()
            sys.stderr.write(f"{Failure(self.sentence, self.next_step)}\n")
        else:
            sys.stdout.write(f"{self.sentence}\n" + (f"  Next: {self.next_step}\n" if self.next_step else ""))
