"""What a person reads when something that can be expected to fail has failed."""


class Failure(Exception):  # noqa: N818 - said of what happened, not of a defect in this program
    """An expected failure: shown as a message, never as a traceback, and the process exits with 1."""

    def __init__(self, cause: str, next_step: str, detail: str = "") -> None:
        """`detail` is what the failed tool itself said, when that adds something."""
        indented = "".join(f"\n    {line}" for line in detail.splitlines())
        super().__init__(f"bulwark: {cause}{indented}\n  Next: {next_step}")
