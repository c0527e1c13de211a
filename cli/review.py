"""`./bulwark review`: the policies' verdicts on the program, and the files that hold verdicts."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi.automation as auto
from cyclopts import Parameter

from cli.engine_runs import run_with_report
from cli.open_stack import OpenStack, open_stack
from cli.options import JsonOption, StackOption, TwinOption
from cli.output import write_files
from core.console import PrintableConsole
from core.failure import Failure
from engine import session
from engine.event_log import EventLog
from engine.policy_gate import PACK
from engine.stack_file import CHECKOUT
from review import base, markdown, sarif, terminal
from review.comparison import BaseComparison, compare
from review.review import Review, build

WriteOption = Annotated[Path | None, Parameter(name="--write")]


def review(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    write: WriteOption = None,
    save_plan: Annotated[Path | None, Parameter(name="--save-plan")] = None,
    revision: Annotated[str | None, Parameter(name="--base")] = None,
) -> int:
    """
    Preview the stack and show the plan, every policy's verdict, and what a disaster would cost.

    The policies of the base, which the change is merged into, judge the same preview: what they refuse is
    refused, however the change alters the policies.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Run another stack's program against the twin instead of the vendors; needs no secret.
        as_json: Print one JSON document instead of text.
        write: A folder to write review.md, review.json and review.sarif into.
        save_plan: A file for the plan, which `./bulwark up --plan` does, and nothing else; not written where
            anything refuses the deploy.
        revision: The base, a commit of git; without it where HEAD left the default branch. `none` compares
            with nothing, and says so.

    Returns:
        0 when nothing refuses the deploy, else the engine's exit code.
    """
    with tempfile.TemporaryDirectory(prefix="bulwark-base-") as folder:
        compared = _open_base(revision, Path(folder))
        return _review(stack, compared, on_twin=on_twin, as_json=as_json, write=write, save_plan=save_plan)


@dataclass(frozen=True)
class _OpenBase:
    """The base of a review, before its policies have judged."""

    comparison: BaseComparison
    pack: Path | None = None
    """The base's policies; None if they are not asked."""

    def finish(self, report: Mapping[str, Any] | None) -> BaseComparison:
        """Return the comparison with the checkout's own report; None if that is missing."""
        if not self.pack:
            return self.comparison
        if report is None:
            return replace(self.comparison, unknown="the preview ended before any policy was asked")
        path = self.pack / "report.json"
        at_base = json.loads(path.read_text()) if path.exists() else None
        return compare(self.comparison.commit, self.comparison.files, base=at_base, own=report)


def _open_base(revision: str | None, folder: Path) -> _OpenBase:
    """Find the base, and put its policies into the folder if they differ from the checkout's."""
    if revision == "none":
        return _OpenBase(BaseComparison("", skipped=True))
    commit, files = "", list[base.ChangedFile]()
    try:
        commit = base.find_commit(CHECKOUT, revision, os.environ)
        files = base.list_changed_files(CHECKOUT, commit)
        if not base.changes_pack(files):
            return _OpenBase(BaseComparison(commit, tuple(files)))
        base.extract_pack(CHECKOUT, commit, folder)
    except base.BaseError as error:
        return _OpenBase(BaseComparison(commit, tuple(files), str(error)))
    return _OpenBase(BaseComparison(commit, tuple(files)), folder)


def _review(
    stack: str,
    compared: _OpenBase,
    *,
    on_twin: bool,
    as_json: bool,
    write: Path | None,
    save_plan: Path | None,
) -> int:
    try:
        with open_stack(stack, on_twin=on_twin) as opened:
            return _review_opened(opened, compared, as_json=as_json, write=write, save_plan=save_plan)
    except Failure as failure:
        # Else a pull request would go on showing the review of an earlier commit.
        if write:
            stopped = build(
                stack, "review", report=None, stopped=str(failure), comparison=compared.finish(None)
            )
            write_reports(stopped, write)
        raise


def _review_opened(
    opened: OpenStack,
    compared: _OpenBase,
    *,
    as_json: bool,
    write: Path | None,
    save_plan: Path | None,
) -> int:
    administrator, engine = opened.stacks
    packs = [PACK]
    if compared.pack:
        packs.append(base.PACK)
        variables = base.environment_of(compared.pack, compared.pack / "report.json")
        engine.workspace.env_vars = {**engine.workspace.env_vars, **variables}
    log = EventLog("Review", quiet=True, as_json=True)
    lines: list[str] = []
    partial = save_plan and save_plan.absolute().with_name(f"{save_plan.name}.partial")

    def read(line: str) -> None:
        lines.append(line)
        log.on_output(line)

    def preview(stack: auto.Stack, packs: Sequence[Path], plan: Path | None = None) -> int:
        with log.show():
            return session.run(
                lambda: stack.preview(
                    on_output=read,
                    on_event=log.on_event,
                    color="never",
                    policy_packs=list(map(str, packs)),
                    plan=str(plan) if plan else None,
                )
            )[1]

    # Whatever the policies refuse of the administrator's stack they refuse of both together as well.
    code, report = run_with_report(administrator, lambda: preview(administrator, [PACK]))
    if report:
        lines.clear()
        code, report = run_with_report(engine, lambda: preview(engine, packs, partial))
    log.close(0 if report else code)
    if not report:
        sys.stderr.writelines(f"{refusal}\n" for refusal in log.refusals())
    verdicts = build(
        opened.target.name,
        "review",
        steps=log.steps,
        report=report,
        stopped=stop_reason(report, lines),
        comparison=compared.finish(report),
    )
    if save_plan and partial:
        _keep_plan(partial, save_plan, passes=verdicts.passes and not code)
    return print_review(verdicts, code, as_json=as_json, write=write)


def stop_reason(report: dict[str, Any] | None, lines: list[str]) -> str:
    return "" if report else "\n".join(line.rstrip() for line in lines if line.strip()) or "nothing"


def print_review(verdicts: Review, code: int, *, as_json: bool, write: Path | None) -> int:
    if write:
        write_reports(verdicts, write)
    if as_json:
        sys.stdout.write(json.dumps(verdicts.document(), indent=2) + "\n")
    else:
        terminal.show(verdicts, PrintableConsole())
    return code or (0 if verdicts.passes else 1)


def _keep_plan(partial: Path, plan: Path, *, passes: bool) -> None:
    if passes:
        partial.replace(plan)
        return
    for path in (partial, plan):  # an earlier review's plan too: it is not what was reviewed now
        path.unlink(missing_ok=True)


def write_reports(verdicts: Review, folder: Path) -> None:
    occasion: Literal["review", "audit"] = verdicts.occasion
    files = {
        f"{occasion}.md": markdown.render(verdicts),
        f"{occasion}.json": json.dumps(verdicts.document(), indent=2) + "\n",
        f"{occasion}.sarif": json.dumps(sarif.render(verdicts, CHECKOUT), indent=2) + "\n",
    }
    write_files(folder, files, what="The review", option="--write")
