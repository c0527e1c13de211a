"""The engine's runs that one command makes, and what they say of a failure."""

import json
import re
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

import pulumi.automation as auto
from rich.padding import Padding

from cli.ending import Ending
from cli.open_stack import OpenStack
from core.console import PrintableConsole, plain
from engine import session
from engine.event_log import EventLog, merge_documents
from engine.policy_gate import PACK
from engine.stack_target import StackTarget
from policies.framework import judged_before
from policies.report import VARIABLE

_Result = TypeVar("_Result")
_AGAIN: Final = "it goes on from there."
_MOST_RULES: Final = 6
"""Rules that the last line names; the block above it has all."""

_LOCKED: Final = re.compile(r"stack is currently locked by|[Aa]nother update is currently in progress")
"""How backends refuse a second run: files and buckets, and Pulumi Cloud."""


def command_line(command: str, target: StackTarget, *, administrator: bool = False) -> str:
    """Return what to type for a command on a stack."""
    stack = "" if target.name == "local" else f" --stack {target.name}"
    return f"./bulwark {command}{stack}{target.option}{' --administrator' if administrator else ''}"


class EngineRuns:
    """Runs the engine for one command, and collects what its runs said."""

    def __init__(self, command: str, *, stack: str, as_json: bool) -> None:
        """`command` is what was typed, such as `./bulwark up --stack prod`."""
        self.command, self.stack, self.as_json = command, stack, as_json
        self.logs: list[EventLog] = []
        """Of the runs that count in the JSON document."""

        self.code = 0
        """Exit code of the engine's last run."""

        self.policies = 0
        """Number of policies that judged in the last run with the pack; 0 where none did."""

        self._last: EventLog | None = None
        self._violations: dict[tuple[str, str], dict[str, str]] = {}

    def run(
        self,
        title: str,
        operation: Callable[..., Any],
        *,
        quiet: bool = True,
        counts: bool = True,
        **options: Any,
    ) -> tuple[Any, EventLog]:
        """Run one operation of the engine; return its result, None if it failed, and its log."""
        log = EventLog(title, quiet=quiet, as_json=self.as_json)
        with log.show():
            result, code = session.run(
                lambda: operation(on_output=log.on_output, on_event=log.on_event, color=log.color, **options),
                on_failure=log.on_failure,
            )
        log.close(code)
        self.record(log, code, counts=counts)
        return result, log

    def record(self, log: EventLog, code: int, *, counts: bool = True) -> None:
        """Take note of a run that has ended with this exit code."""
        self._last, self.code = log, code
        if counts:
            self.logs.append(log)

    def preview(self, opened: OpenStack, *, quiet: bool, plan: Path | None = None) -> list[EventLog]:
        """
        Preview the stack's programs at once, with the policies on; return their logs.

        Neither reads what the other one has made. The second log is missing where the administrator's preview
        failed, and not only at a policy: nothing could be judged. `plan` is a file to write the platform's
        plan into.
        """
        opened.judged.unlink(missing_ok=True)
        runs = judged_before.mark_of_run(opened.judged)
        runs.touch()
        titles = ("Administrator's preview", "Preview")[-len(opened.stacks) :]
        logs = [
            EventLog(title, quiet=quiet, as_json=self.as_json, waits=number > 0)
            for number, title in enumerate(titles)
        ]

        def run(engine: auto.Stack, log: EventLog) -> tuple[int, dict[str, Any] | None]:
            def operation() -> Any:
                return engine.preview(
                    on_output=log.on_output,
                    on_event=log.on_event,
                    color=log.color,
                    policy_packs=[str(PACK)],
                    suppress_outputs=True,
                    plan=str(plan) if plan and engine is opened.platform else None,
                )

            (_, code), report = run_with_report(
                engine, lambda: session.run(operation, on_failure=log.on_failure, forwarded=forwarded)
            )
            if engine is opened.administrator:
                runs.unlink()  # the policies of the platform's program wait no longer
            return code, report

        with session.forward_signals() as forwarded, ThreadPoolExecutor() as pool, logs[-1].show():
            running = [pool.submit(run, *each) for each in zip(opened.stacks, logs, strict=True)]
            ended = [each.result() for each in running]
        shown: list[EventLog] = []
        for log, (code, report) in zip(logs, ended, strict=True):
            log.close(code)
            self.record(log, code)
            self._note_policies(log, report)
            shown.append(log)
            # Where the policies alone refuse the administrator's program, those of both together say it all.
            if code and not self.is_refused:
                break
        return shown

    def run_judged(
        self, title: str, engine: auto.Stack, operation: Callable[..., Any], **options: Any
    ) -> tuple[Any, EventLog]:
        """Run an operation with the policies on."""
        (result, log), report = run_with_report(
            engine, lambda: self.run(title, operation, policy_packs=[str(PACK)], **options)
        )
        self._note_policies(log, report)
        return result, log

    def _note_policies(self, log: EventLog, report: dict[str, Any] | None) -> None:
        self.policies = len(report["evaluated"]) if report else 0
        self._violations |= {
            (violation["policy"], violation["message"]): violation
            for violation in log.violations
            if violation["level"] == "mandatory"
        }

    @property
    def is_refused(self) -> bool:
        """Whether a policy refuses the stack."""
        return bool(self._violations)

    @property
    def changes(self) -> str:
        """What the counted runs did or would do, such as `2 create, 1 update`; empty if nothing."""
        counts = merge_documents(self.logs)["changes"]
        return ", ".join(f"{count} {op}" for op, count in sorted(counts.items()) if op != "same")

    def document(self, verdict: Ending) -> dict[str, Any]:
        """Return what the counted runs collected, with the verdict, for --json."""
        return {
            "stack": self.stack,
            "exit_code": self.code,
            "verdict": asdict(verdict),
            **merge_documents(self.logs),
        }

    def explain_failure(self) -> Ending:
        """Write what refused or failed, each with its resource and its fix; return the verdict on it."""
        if self.code >= session.SIGNAL_CODE:
            return Ending(
                False,
                "The run was interrupted, and the engine noted in the stack's state what it had begun.",
                f"`{self.command}` again; {_AGAIN}",
            )
        if self._violations:
            return self._show_violations()
        refusals = self._last.refusals() if self._last else []
        if not refusals:
            cause = self._last.cause() if self._last else "the engine does not say why."
            if _LOCKED.search(cause):
                return Ending(
                    False,
                    f"Another run is working on {self.stack}, and only one may.",
                    f"wait for its end, then `{self.command}` again. If its process is gone: "
                    f"`./bulwark pulumi cancel --stack {self.stack}`, with --administrator if it was at work "
                    "on the administrator's stack.",
                )
            return Ending(
                False,
                f"The engine failed: {cause}",
                f"correct that, then `{self.command}` again; {_AGAIN}",
            )
        if len(refusals) == 1:
            return Ending(False, refusals[0].cause, refusals[0].next_step)
        sys.stdout.flush()
        sys.stderr.writelines(f"{refusal}\n" for refusal in refusals)
        return Ending(
            False,
            f"{len(refusals)} refusals of the vendors stopped this; each is above, with its next step.",
            f"do what each says, then `{self.command}` again; {_AGAIN}",
        )

    def _show_violations(self) -> Ending:
        by_policy: dict[str, list[str]] = {}
        fixes: dict[str, str] = {}
        for policy, message in self._violations:
            finding, fixes[policy] = split_violation(message)
            by_policy.setdefault(policy, []).append(finding)
        console = PrintableConsole(stderr=True)
        sys.stdout.flush()
        count = sum(map(len, by_policy.values()))
        console.print(f"\n{count} violation{'s' if count > 1 else ''}:", style="bold red")
        for policy, findings in by_policy.items():
            console.print(plain(policy), style="bold", highlight=False)
            for finding in findings:
                _print_indented(console, f"- {finding}", 2)
            if fixes[policy]:
                _print_indented(console, f"Fix: {fixes[policy]}", 4)
        names = ", ".join(list(by_policy)[:_MOST_RULES])
        more = f" and {len(by_policy) - _MOST_RULES} more" if len(by_policy) > _MOST_RULES else ""
        policies = "policy refuses" if len(by_policy) == 1 else "policies refuse"
        return Ending(
            False,
            f"{len(by_policy)} {policies} {self.stack}: {names}{more}.",
            f"do what each fix says, or waive it in policies/waivers.yaml; then `{self.command}` again.",
        )


def split_violation(message: str) -> tuple[str, str]:
    """Return what a policy found, and the fix."""
    # The policy SDK puts the policy's title before the message, and the pack risk and fix after it.
    finding, _, rest = message.partition("\nRisk: ")
    return finding.partition("\n")[2] or finding, rest.partition("\nFix: ")[2]


def _print_indented(console: PrintableConsole, text: str, columns: int) -> None:
    console.print(Padding(plain(text), (0, 0, 0, columns), expand=False), highlight=False)


def run_with_report(engine: auto.Stack, run: Callable[[], _Result]) -> tuple[_Result, dict[str, Any] | None]:
    """Run the engine; return the result and the policies' report, None if the policies did not run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        engine.workspace.env_vars = {**engine.workspace.env_vars, VARIABLE: str(path)}
        result = run()
        return result, json.loads(path.read_text()) if path.exists() else None
