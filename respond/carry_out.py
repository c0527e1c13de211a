"""Carries out a step: one change after the other, each written down before and after it is made."""

import getpass
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata

from core import vault_layout
from core.failure import Failure, split_failure
from recovery.postgres.connection import redact
from respond.journal import ResponseJournal
from respond.record import RecordedAction, RecordedProof, ResponseRecord
from respond.step import RespondContext, ResponseAction, ResponsePlan, ResponseStep, StepOptions


@dataclass(frozen=True)
class Response:
    """A step that ended: its record, and the plan that was looked up afterwards."""

    record: ResponseRecord
    after: ResponsePlan | None


def carry_out(
    context: RespondContext,
    step: ResponseStep,
    target: str,
    options: StepOptions,
    *,
    plan: ResponsePlan,
    journal: ResponseJournal,
    on_progress: Callable[[str], None],
) -> Response:
    """
    Make the changes of a plan that are not made yet, and look again.

    A change that fails ends it, with the record of it. After an interruption the same call goes on with the
    same record; what was done by then is found at the vendor, and stays.

    Raises:
        Failure: it can't be looked at afterwards; the record says what was made.
    """
    record = journal.find_unfinished(step.name, target, options.document())
    if record:
        record = record.model_copy(update={"runs": record.runs + 1, "outcome": "unfinished", "ended": None})
    else:
        record = _begin(context, step, target, options, plan)
    journal.write(record)
    for action in plan.actions:
        record = _run_action(record, action, journal, on_progress)
        if record.outcome == "failed":
            return Response(record, None)
    on_progress("looking again")
    after = step.plan(context, target, options)
    missing = [action.name for action in after.actions if not action.is_done]
    record = record.model_copy(
        update={
            "after": dict(after.found),
            "left": after.left,
            "ended": datetime.now(UTC),
            "outcome": "failed" if missing else "carried out",
        }
    )
    journal.write(record)
    return Response(record, after)


def _begin(
    context: RespondContext, step: ResponseStep, target: str, options: StepOptions, plan: ResponsePlan
) -> ResponseRecord:
    began = datetime.now(UTC)
    return ResponseRecord(
        id=vault_layout.new_id(began),
        stack=context.target.name,
        place=context.target.location,
        step=step.name,
        target=target,
        options=options.document(),
        actor=os.environ.get("GITHUB_ACTOR") or getpass.getuser(),
        machine=platform.node(),
        run_url=_run_url(os.environ),
        version=metadata.version("bulwark"),
        began=began,
        proofs=tuple(
            RecordedProof(what=proof.what, declared=proof.declared, answered=proof.answered)
            for proof in plan.proofs
        ),
        before=dict(plan.found),
    )


def _run_action(
    record: ResponseRecord,
    action: ResponseAction,
    journal: ResponseJournal,
    on_progress: Callable[[str], None],
) -> ResponseRecord:
    """Return the record with the action; if it failed, with the end as well."""
    earlier = tuple(one for one in record.actions if one.name != action.name)
    began, started = datetime.now(UTC), time.monotonic()
    entry = RecordedAction(name=action.name, does=action.does, state="begun", began=began)
    if action.is_done:
        known = next((one for one in record.actions if one.name == action.name), None)
        kept = known.model_copy(update={"state": "done"}) if known else None
        was = kept or entry.model_copy(update={"state": "was done"})
        record = record.model_copy(update={"actions": (*earlier, was)})
        journal.write(record)
        return record
    on_progress(action.name)
    journal.write(record.model_copy(update={"actions": (*earlier, entry)}))
    try:
        result = dict(action.run())
    except Failure as failure:
        cause = " ".join((split_failure(failure)[0], *redact(failure.detail).split()))
        ended = entry.model_copy(
            update={"state": "failed", "error": cause, "seconds": round(time.monotonic() - started, 3)}
        )
        update = {"actions": (*earlier, ended), "outcome": "failed", "ended": datetime.now(UTC)}
    else:
        ended = RecordedAction(
            name=action.name,
            does=action.does,
            state="done",
            began=began,
            seconds=round(time.monotonic() - started, 3),
            result=result,
        )
        update = {"actions": (*earlier, ended)}
    record = record.model_copy(update=update)
    journal.write(record)
    return record


def _run_url(environment: Mapping[str, str]) -> str:
    server, repository, run = (
        environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""
