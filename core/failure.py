"""The error that a user reads as a message: its cause and the next step."""

from core.text import printable


class Failure(Exception):  # noqa: N818 - an expected event, not a defect of this program
    """An expected failure. The command prints its message without a traceback and exits with 1."""

    def __init__(self, cause: str, next_step: str, detail: str = "") -> None:
        """
        Name the cause and the next step; `detail` is the tool's output, if it says more than the cause.

        All three may quote a database, an archive or a vault. So they are made printable, and no line of them
        can begin as this message's own lines do.
        """
        details = "".join(f"\n{line}" for line in printable(detail, multiline=True).splitlines())
        super().__init__(f"bulwark: {_indent(cause)}{_indent(details)}\n  Next: {_indent(next_step)}")


def _indent(text: str) -> str:
    return printable(text, multiline=True).replace("\n", "\n    ")


def split_failure(failure: Failure) -> tuple[str, str]:
    """Return a failure's cause and next step, each in one line."""
    cause, _, next_step = str(failure).removeprefix("bulwark: ").partition("\n  Next: ")
    return " ".join(cause.split()), " ".join(next_step.split())
