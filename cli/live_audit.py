"""`./bulwark audit --live`: what the vendors have, against what the stack declares."""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pulumi.automation as auto

from cli import drift_note, drill_facts, live_report
from cli.live_report import LiveAudit
from cli.policy_analysis import analyze
from cli.recovery_context import export_state
from cli.stack_recovery import open_elsewhere, open_file_source
from components.settings import BackupSettings, Settings, SettingsError
from core.console import PrintableConsole
from core.failure import Failure
from engine import session, stack_file
from engine.refreshed_copy import RefreshedCopy, package_of, refresh_copy
from engine.stack_target import StackTarget
from engine.vendor_errors import VENDORS
from live import account, alarms, buckets, coverage, elsewhere, keys, reviewed_entries, roles, trails
from live.aws_access import AwsAccess
from live.declared import DeclaredStack
from live.finding import BlindSpot, Lookup, explain, look
from live.other_stacks import leave_to_others
from live.vendor_apis import Apis, open_apis
from recovery.context import require_output
from recovery.state import list_resources
from recovery.vault.client import create_client
from review.review import Review, name_of


def audit_live(target: StackTarget, *, as_json: bool, write: Path | None) -> int:
    """
    Refresh a copy of the state, judge it, and look for what nobody declared; return 0 if all is as declared.

    Raises:
        Failure: the stack was never deployed, or its state can't be read.
    """
    console = PrintableConsole(stderr=True)
    target.prepare(console, runs_program=False)
    engine = session.select(target, runs_program=False)
    with console.status("Reading the stack") as status:
        state = export_state(target)
        by_program = [list_resources(one) for one in state.states]
        resources = [resource for found in by_program for resource in found]
        if not all(by_program):
            raise Failure(
                f"There is nothing to audit: {target.name} is not deployed.", "run ./bulwark up first."
            )
        declared = DeclaredStack(resources)
        with open_apis(target, os.environ) as apis:
            lookups = list(_list_lookups(target, engine, declared, apis))
            found, unknown = look(lookups, lambda title: status.update(f"Looking at {title}"))
        steps: list[dict[str, Any]] = []
        verdicts: Review | None = None
        status.update("Refreshing a copy of the state")
        try:
            with refresh_copy(target, state) as copy:
                status.stop()
                drill_facts.pass_to_policies(target, copy.platform)
                steps, verdicts = copy.steps, analyze(copy.administrator, copy.platform, "live")[0]
                unknown += _unread(copy)
        except Failure as failure:
            unknown.append(BlindSpot("the settings of all resources", explain(failure)))
    found, of_others = leave_to_others(found, target.settings, _load_others(target, unknown))
    entries = reviewed_entries.read(reviewed_entries.FILE, stack=target.name, today=datetime.now(UTC).date())
    findings, reviewed, unmatched = reviewed_entries.sort_out(found, entries, unknown)
    audit = LiveAudit(
        stack=target.name,
        drift=steps,
        findings=findings,
        of_others=of_others,
        reviewed=reviewed,
        problems=[*entries.problems, *unmatched],
        unknown=unknown,
        looked_at=[lookup.title for lookup in lookups],
        verdicts=verdicts,
    )
    drift_note.write(target, audit)
    if write:
        live_report.write_audit(audit, write)
    if as_json:
        sys.stdout.write(json.dumps(audit.document(), indent=2) + "\n")
    else:
        live_report.show(audit, PrintableConsole(), option=target.option)
    return 0 if audit.passes else 1


def _load_others(target: StackTarget, unknown: list[BlindSpot]) -> dict[str, Settings]:
    """Return the settings of the stacks beside this one; what can't be read is one more that is unknown."""
    others: dict[str, Settings] = {}
    for stack in target.settings.platform.beside:
        try:
            others[stack] = target.parse_settings(stack_file.read(stack))
        except Failure as failure:
            unknown.append(BlindSpot(f"what is of the stack {stack}", explain(failure)))
        except SettingsError:
            reason = f"Pulumi.{stack}.yaml has settings that are wrong"
            unknown.append(BlindSpot(f"what is of the stack {stack}", reason))
    return others


def _list_lookups(
    target: StackTarget, engine: auto.Stack, declared: DeclaredStack, apis: Apis
) -> list[Lookup]:
    access = AwsAccess(
        target.aws_endpoint,
        find_key=lambda: target.role_credentials("planner"),
        find_replica_key=lambda: target.replica_credentials("planner"),
    )

    @cache
    def outputs() -> dict[str, Any]:
        with session.explain_errors():
            return {name: output.value for name, output in engine.outputs().items()}

    return [
        *roles.lookups(declared, access),
        *keys.lookups(declared, access),
        *buckets.lookups(declared, access),
        *account.lookups(declared, access),
        *trails.lookups(declared, access, _name_trails(target.settings.vaults)),
        *alarms.lookups(declared, access),
        *_list_elsewhere(target),
        *coverage.lookups(
            declared,
            target.settings,
            apis,
            database_url=lambda project: target.reach_database(_find_url(outputs(), project)),
            files=lambda name: open_file_source(target, require_output(outputs(), "file_sources")[name]),
        ),
    ]


def _find_url(outputs: Mapping[str, Any], project: str) -> str:
    """Return the address by which the database of a project is backed up. Raises Failure without one."""
    names = {known: name for name, known in require_output(outputs, "database_projects").items()}
    if project not in names:
        raise Failure(f"The stack does not know the project {project}.", "deploy it: ./bulwark up.")
    return require_output(outputs, "database_urls")[names[project]]["backup"]


def _name_trails(settings: BackupSettings) -> dict[str, str]:
    """Return account -> trail, of the trails that the settings name and the stack does not declare."""
    named = {settings.replica_account: settings.replica.trail, settings.account: settings.trail}
    return {account: trail for account, trail in named.items() if trail}


def _list_elsewhere(target: StackTarget) -> list[Lookup]:
    settings = target.settings.vaults.elsewhere
    if not settings:
        return []

    def open_client() -> Any:
        reached = target.reach_elsewhere(settings)
        return create_client(
            reached.region, reached.endpoint, access_key=target.elsewhere_key(), portable=True
        )

    return list(elsewhere.lookups(settings.bucket, lambda: open_elsewhere(target), open_client))


def _unread(copy: RefreshedCopy) -> list[BlindSpot]:
    """Return one gap for each vendor and reason."""
    by_cause: dict[tuple[str, str], list[str]] = {}
    for urn, reason in copy.unread.items():
        package = package_of(urn)
        title = VENDORS[package].title if package in VENDORS else package.upper()
        by_cause.setdefault((title, reason), []).append(name_of(urn))
    return [
        BlindSpot(f"the settings of {', '.join(sorted(names))} at {title}", reason)
        for (title, reason), names in by_cause.items()
    ]
