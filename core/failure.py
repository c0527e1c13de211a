"""The error that a user reads as a message: its cause and the next step."""


class Failure(Exception):  # noqa: N818 - an expected event, not a defect of this program
    """An expected failure. The command prints its message without a traceback and exits with 1."""

    def __init__(self, cause: str, next_step: str, detail: str = "") -> None:
        """`detail` is the output of the tool that failed, if it says more than the cause."""
        indented = "".join(f"\n    {line}" for line in detail.splitlines())
        super().__init__(f"bulwark: {cause}{indented}\n  Next: {next_step}")
