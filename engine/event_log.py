"""What is seen of an engine run: progress on a terminal, the engine's own text elsewhere, and its events."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from pulumi.automation import events
from rich.console import Console

from engine import vendor_errors
from engine.plan_file import without_values

_UNCHANGED: Final = (events.OpType.SAME, events.OpType.REFRESH)
"""A refresh is the engine's look at a resource; what it found is told afterwards, with the outputs."""


class EventLog:
    """
    Follows one engine run.

    Collects what it does (never a property's value): counts by operation, steps, violations.
    """

    def __init__(self, title: str, *, quiet: bool, as_json: bool) -> None:
        """`quiet` hides the engine's text on a terminal unless it fails; `as_json` keeps stdout for JSON."""
        self.counts: dict[str, int] = {}
        self.steps: list[dict[str, Any]] = []
        self.violations: list[dict[str, str]] = []
        self.errors: list[tuple[str, str]] = []
        """Resource (URN) and what went wrong there, as the engine and the providers say it."""
        self._title = title
        self._stream = sys.stderr if as_json else sys.stdout
        self._hidden = quiet and sys.stdout.isatty()
        self._lines: list[str] = []
        self._cut = False
        self._trace: list[str] = []
        self._done = 0
        self._looked_at: set[str] = set()
        self._status = Console(stderr=True).status(title)

    @property
    def color(self) -> str:
        return "always" if sys.stdout.isatty() else "never"

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show the line of progress while the run goes on."""
        if not self._hidden:
            yield
            return
        with self._status:
            yield

    def read(self, line: str) -> None:
        """Take a line of the engine's text."""
        if self._cut:
            return
        told = self._untraced(line.removesuffix("\n"))
        if told is None:
            return
        text, self._cut = without_values(f"{told}\n")
        if self._hidden:
            self._lines.append(text)
        else:
            self._stream.write(text)
            self._stream.flush()

    def _untraced(self, line: str) -> str | None:
        """
        Leave out where the SDK was when a provider died under a question: the line above says all there is.

        A traceback of anything else is shown, once its last line tells of what.
        """
        indent = len(line) - len(line.lstrip())
        if line.strip() == "Traceback (most recent call last):":
            self._trace = [line]
        elif not self._trace:
            return line
        elif indent > len(self._trace[0]) - len(self._trace[0].lstrip()):
            self._trace.append(line)
        else:
            trace, self._trace = [*self._trace, line], []
            return None if line.strip().startswith("Exception: invoke of ") else "\n".join(trace)
        return None

    def see(self, event: events.EngineEvent) -> None:
        """Take one of the engine's events."""
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            self._status.update(f"{self._title}: {self._done} done, {step.urn.rsplit('::', 1)[-1]}")
            if step.op is events.OpType.REFRESH:
                self._looked_at.add(step.urn)
            self._note(step)
        if event.res_outputs_event:
            self._done += 1
            if event.res_outputs_event.metadata.urn in self._looked_at:
                self._note(event.res_outputs_event.metadata)
        if event.summary_event:
            self.counts = {str(op): count for op, count in event.summary_event.resource_changes.items()}
        if event.diagnostic_event and event.diagnostic_event.severity == "error":
            said = event.diagnostic_event
            self.errors.append((said.urn or "", said.message))
        if event.policy_event:
            policy = event.policy_event
            self.violations.append(
                {
                    "policy": policy.policy_name,
                    "level": policy.enforcement_level,
                    "urn": policy.resource_urn or "",
                    "message": policy.message,
                }
            )

    def _note(self, step: events.StepEventMetadata) -> None:
        if step.op not in _UNCHANGED:
            self.steps.append({"op": step.op.value, "urn": step.urn, "properties": list(step.diffs or [])})

    def close(self, code: int) -> None:
        """Say how it ended: one line, or after a failure everything that the engine wrote."""
        if self._trace:
            self.read("")
        if code and self._hidden:
            self._stream.writelines(self._lines)
        elif self._hidden:
            counts = (
                ", ".join(f"{count} {op}" for op, count in sorted(self.counts.items())) or "nothing to do"
            )
            self._stream.write(f"{self._title}: {counts}\n")
        if code:
            sys.stderr.writelines(f"{refusal}\n" for refusal in vendor_errors.read(self.errors))

    def cause(self) -> str:
        """Say in a line what a vendor refused, or else what the engine said first."""
        refused = [f"{one.vendor}: {one.reason}" for one in vendor_errors.read(self.errors)]
        said = [*refused, *(message for _, message in self.errors), "the engine does not say why."]
        return without_values(said[0])[0].strip().split("\n", 1)[0]

    def document(self) -> dict[str, Any]:
        """Return all of it for --json."""
        return {
            "changes": self.counts,
            "steps": self.steps,
            "violations": self.violations,
            "refusals": [asdict(refusal) for refusal in vendor_errors.read(self.errors)],
        }
