"""The log of an engine run: progress on a terminal, the engine's own text elsewhere, and its events."""

import re
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from pulumi.automation import events

from core.console import PrintableConsole
from engine import vendor_errors
from engine.declared_resources import DeclaredResources
from engine.plan_file import without_values

_UNCHANGED: Final = (events.OpType.SAME, events.OpType.READ, events.OpType.REFRESH)
"""A refresh reads a resource; the event of its outputs says afterwards what it found."""

_CANCELED: Final = re.compile(r"failed to run remediation: .*context canceled")
"""How the engine (pulumi 3.259.0) ends the policies of other resources when one has failed."""

_LISTED: Final = 3
"""Lines of a list that a cause has."""

_MARKUP: Final = re.compile(r"<\{%.*?%\}>")
"""The engine's marks of colour, such as `<{%reset%}>`."""

_COMMAND: Final = re.compile(r"(?<![\w/])`pulumi (?=[a-z])")
"""Where the engine's text names a command of its CLI, which is not on PATH."""


class EventLog:
    """
    Follows one engine run, and collects counts, steps, violations and what was declared.

    What it writes has no property's value.
    """

    def __init__(self, title: str, *, quiet: bool, as_json: bool, waits: bool = False) -> None:
        """
        Begin a log.

        Args:
            title: What the run is called.
            quiet: Whether to hide the engine's text on a terminal unless it fails.
            as_json: Whether to keep standard output for JSON.
            waits: Whether to write nothing before the end, as another run writes at the same time.
        """
        self.counts: dict[str, int] = {}
        self.steps: list[dict[str, Any]] = []
        self.violations: list[dict[str, str]] = []
        self.errors: list[tuple[str, str]] = []
        """URN of a resource, and the message of the engine or a provider."""
        self.declared = DeclaredResources()
        self._title = title
        self._stream = sys.stderr if as_json else sys.stdout
        self._hidden = quiet and sys.stdout.isatty()
        self._waits = waits
        self._lines: list[str] = []
        self._cut = False
        self._message = ""
        self._trace: list[str] = []
        self._done = 0
        self._refreshed: set[str] = set()
        self._status = PrintableConsole(stderr=True).status(title)

    @property
    def color(self) -> str:
        return "always" if sys.stdout.isatty() else "never"

    @contextmanager
    def show(self) -> Generator[None]:
        """Show the line of progress while the run goes on."""
        if not self._hidden:
            yield
            return
        with self._status:
            yield

    def on_output(self, line: str) -> None:
        """Take a line of the engine's text."""
        if self._cut:
            return
        line = _COMMAND.sub("`./bulwark pulumi ", line)
        if _CANCELED.search(line):
            return
        shown = self._without_traceback(line.removesuffix("\n"))
        if shown is None:
            return
        text, self._cut = without_values(f"{shown}\n")
        if self._hidden or self._waits:
            self._lines.append(text)
        else:
            self._stream.write(text)
            self._stream.flush()

    def _without_traceback(self, line: str) -> str | None:
        """
        Return what to show at a line of the engine's text; None for a line that is held back.

        The SDK's traceback of a provider that died during an invoke is dropped: the line above it says
        everything. Any other traceback is returned as a whole, at its last line.
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

    def on_failure(self, message: str) -> None:
        """Take what the engine wrote to its standard error when it failed."""
        self._message = message
        if not self._waits:
            self._write_message()

    def _write_message(self) -> None:
        sys.stdout.flush()
        sys.stderr.write(f"{self._message}\n")

    def on_event(self, event: events.EngineEvent) -> None:
        """Take one of the engine's events."""
        self.declared.on_event(event)
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            self._status.update(f"{self._title}: {self._done} done, {step.urn.rsplit('::', 1)[-1]}")
            if step.op is events.OpType.REFRESH:
                self._refreshed.add(step.urn)
            self._note(step)
        if event.res_outputs_event:
            self._done += 1
            if event.res_outputs_event.metadata.urn in self._refreshed:
                self._note(event.res_outputs_event.metadata)
        if event.summary_event:
            self.counts = {str(op): count for op, count in event.summary_event.resource_changes.items()}
        if event.diagnostic_event and event.diagnostic_event.severity == "error":
            diagnostic = event.diagnostic_event
            message = _MARKUP.sub("", diagnostic.message)
            if not _CANCELED.search(message):
                self.errors.append((diagnostic.urn or "", message))
        if event.policy_event:
            policy = event.policy_event
            self.violations.append(
                {
                    "policy": policy.policy_name,
                    "level": policy.enforcement_level,
                    "urn": policy.resource_urn or "",
                    "message": _MARKUP.sub("", policy.message).rstrip(),
                }
            )

    def _note(self, step: events.StepEventMetadata) -> None:
        if step.op not in _UNCHANGED:
            # `diffs` has every output that a refresh read anew; the detailed difference what really differs.
            paths = map(_property_of, step.detailed_diff) if step.detailed_diff else step.diffs or ()
            self.steps.append(
                {"op": step.op.value, "urn": step.urn, "properties": list(dict.fromkeys(paths))}
            )

    def close(self, code: int) -> None:
        """Write how the run ended: one line, or after a failure everything that the engine wrote."""
        if self._trace:
            self.on_output("")
        if code or not self._hidden:
            self._stream.writelines(self._lines)
            if self._waits and self._message:
                self._write_message()
        else:
            counts = (
                ", ".join(f"{count} {op}" for op, count in sorted(self.counts.items())) or "nothing to do"
            )
            self._stream.write(f"{self._title}: {counts}\n")

    def refusals(self) -> list[vendor_errors.VendorRefusal]:
        """Return what vendors refused."""
        return vendor_errors.read(self.errors)

    def cause(self) -> str:
        """Return in one line what a vendor refused, or else the engine's first error."""
        refusals = [f"{refusal.vendor}: {refusal.reason}" for refusal in self.refusals()]
        messages = [*(message for _, message in self.errors), self._message.removeprefix("error: ")]
        causes = [*refusals, *filter(None, messages), "the engine does not say why."]
        first, *more = without_values(causes[0])[0].strip().splitlines()
        # Such as the problems of the settings, one a line.
        listed = [line.strip() for line in more if first.endswith(":") and line.startswith(" ")]
        return " ".join([first, *listed[:_LISTED]])

    def document(self) -> dict[str, Any]:
        """Return everything that was collected, for --json."""
        return {
            "changes": self.counts,
            "steps": self.steps,
            "violations": self.violations,
            "refusals": [asdict(refusal) for refusal in self.refusals()],
        }


def _property_of(path: str) -> str:
    """Return the property at the beginning of a property path, such as `tags` of `tags["a.b"].c`."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def merge_documents(logs: Iterable[EventLog]) -> dict[str, Any]:
    """Return what several runs collected as one document."""
    documents = [log.document() for log in logs]
    counts: Counter[str] = Counter()
    for document in documents:
        counts.update(document["changes"])
    lists = ("steps", "violations", "refusals")
    return {
        "changes": dict(counts),
        **{name: [row for document in documents for row in document[name]] for name in lists},
    }
