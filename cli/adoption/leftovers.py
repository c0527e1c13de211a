"""
What an attempt to create something left at a vendor, and the stack does not know.

A vendor's answer may be lost, or be an error after all was done. Some providers then repeat the creation, so
that two are there and the run passes; others give up, and the next run would make a second one.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cli.adoption.finding import Finding
from cli.adoption.search import KINDS, search
from core.failure import Failure
from core.text import printable
from engine.declared_resources import DeclaredResources
from engine.stack_target import StackTarget
from live.declared import StateResource, name_of

_TYPES = {kind.token for kinds in KINDS.values() for kind in kinds}


@dataclass(frozen=True)
class Leftovers:
    """What is at a vendor beside what the stack knows, and the failures of vendors that did not answer."""

    findings: Sequence[Finding] = ()
    failures: Sequence[Failure] = ()

    @property
    def can_be_adopted(self) -> bool:
        """Whether `./bulwark adopt` has something to do, or to look for once more."""
        return bool(self.failures) or any(finding.status != "duplicate" for finding in self.findings)

    def describe(self) -> str:
        """Return what was found, a paragraph for each; "" if there is nothing to tell."""
        lines: list[str] = []
        for finding in self.findings:
            ids = ", ".join(finding.candidates) or finding.id
            lines.append(
                f"bulwark: {finding.vendor} has {finding.what} ({ids}), which this stack does not know."
            )
            if finding.status == "duplicate":
                lines.append(
                    f"  Next: the stack's own is {finding.id}; look at the other, then {finding.deletion}."
                )
        lines += [
            f"bulwark: What the run may have left was not looked for. {failure}" for failure in self.failures
        ]
        return "".join(f"{printable(line, multiline=True)}\n" for line in lines)

    def document(self) -> list[dict[str, Any]]:
        """Return the leftovers for `--json`; `own` is the id in the state, None if there is none."""
        return [
            {
                "vendor": finding.vendor,
                "resource": finding.resource,
                "own": finding.id if finding.status == "duplicate" else None,
                "ids": [*(finding.candidates or (finding.id,))],
            }
            for finding in self.findings
        ]


def find_leftovers(
    target: StackTarget, read_state: Callable[[], Sequence[StateResource]], runs: Sequence[DeclaredResources]
) -> Leftovers:
    """
    Search the vendors for what beside the stack's own resources is like one that the runs tried to make.

    Args:
        target: The stack.
        read_state: Returns the resources in the states of its programs. Raises Failure.
        runs: What the engine's updates told.
    """
    declared = [resource for run in runs for resource in run.list_resources()]
    attempted = {urn for run in runs for urn in run.attempted}
    only = {
        name_of(finding) for finding in declared if finding["urn"] in attempted and finding["type"] in _TYPES
    }
    if not only:
        return Leftovers()
    try:
        result = search(target, os.environ, declared, read_state(), only=only)
    except Failure as failure:
        return Leftovers(failures=[failure])
    left = [
        finding
        for finding in result.findings
        if finding.status in {"found", "ambiguous", "unfit", "duplicate"}
    ]
    return Leftovers(left, result.failures)
