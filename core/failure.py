"""The error that a user reads as a message: its cause and the next step."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.text import printable


class Failure(Exception):  # noqa: N818 - an expected event, not a defect of this program
    """An expected failure. The command prints its message without a traceback and exits with 1."""

    def __init__(
        self,
        cause: str,
        next_step: str,
        detail: str = "",
        *,
        problems: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """
        Name the cause and the next step; `detail` is the tool's output, if it says more than the cause.

        `problems` are the single things that are wrong, for a program to read; the cause lists them as well.
        The texts may quote a database, an archive or a vault. So they are made printable, and no line of them
        can begin as this message's own lines do.
        """
        self.cause, self.next_step, self.detail, self.problems = cause, next_step, detail, tuple(problems)
        details = "".join(f"\n{line}" for line in printable(detail, multiline=True).splitlines())
        super().__init__(f"bulwark: {_indent(cause)}{_indent(details)}\n  Next: {_indent(next_step)}")

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints in place of a command's result."""
        texts = {"cause": self.cause, "next_step": self.next_step, "detail": self.detail}
        return {
            "error": {
                **{name: printable(text, multiline=True) for name, text in texts.items()},
                "problems": [
                    {name: printable(text) for name, text in problem.items()} for problem in self.problems
                ],
            }
        }


def _indent(text: str) -> str:
    return printable(text, multiline=True).replace("\n", "\n    ")


def split_failure(failure: Failure) -> tuple[str, str]:
    """Return a failure's cause and next step, each in one line."""
    return printable(" ".join(failure.cause.split())), printable(" ".join(failure.next_step.split()))
