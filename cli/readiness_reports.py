"""The readiness reports of a stack in its vault: kept, added from another run, listed, compared."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from cli.attested_documents import read_attestation, write_attested
from cli.output import format_lock
from cli.recovery_context import find_trust, open_vaults
from core.console import PrintableConsole, plain
from core.documents import DocumentError, read_file
from core.failure import Failure
from core.text import printable
from engine.stack_target import StackTarget
from readiness import records
from readiness.records import ReportRecord
from readiness.results import Readiness
from readiness.trend import ReadinessTrend, compare
from recovery.attestation import IssueToken, Trust
from recovery.vault.client import Exists
from recovery.vault.vault import VaultClient
from status.inquiry import Question

_VAULT_SECONDS: Final = 60.0
"""How long the vault may take."""

EarlierReports = Sequence[tuple[datetime, Readiness]] | None
"""When each report that counts was made, with the report, the newest first; None without a vault."""


@dataclass(frozen=True)
class KeptReports:
    """The vault of a stack that keeps its reports, and who attests one."""

    vault: VaultClient
    trust: Trust
    issue_token: IssueToken | None

    def read(self) -> Iterator[ReportRecord]:
        """Yield the reports, the newest first. Raises Failure."""
        return records.read_records(self.vault, self.trust)


def ask_for_earlier(target: StackTarget) -> Question[EarlierReports]:
    """Begin to read the earlier reports of a stack."""

    def read() -> EarlierReports:
        reports = open_reports(target)
        return records.choose_counted(reports.read(), target.name, target.location) if reports else None

    return Question("the vault with the earlier reports", read, limit_seconds=_VAULT_SECONDS)


def find_trend(readiness: Readiness, earlier: Question[EarlierReports]) -> ReadinessTrend | None:
    """Return what moved since the earlier reports; None where no vault keeps any."""
    found, unknown, next_step = earlier.find_answer()
    if unknown:
        return ReadinessTrend(unknown=f"{unknown} Next: {next_step}")
    return None if found is None else compare(readiness, found)


def open_reports(target: StackTarget) -> KeptReports | None:
    """
    Open the vault for whoever plans; None for a stack without one. No service of the twin is started.

    Raises:
        Failure: it does not run, or its credentials can't be had.
    """
    if not target.settings.backups:
        return None
    for service in target.service_statuses():
        if service.name == "aws" and service.state != "running":
            raise Failure(
                f"The service aws of the twin is {service.state}.",
                f"./bulwark up --stack {target.name}{target.option}",
            )
    vault = open_vaults(target, vaults=("primary",), role="planner")["primary"]
    return KeptReports(vault, find_trust(target), target.find_signer("planner"))


def keep(target: StackTarget, readiness: Readiness, file: Path | None) -> None:
    """
    Keep a report: in the vault, or in the file with its attestation beside it, for another job to add.

    What the vault does not take is said, and changes nothing of the verdict.

    Raises:
        Failure: the file can't be written.
    """
    console = PrintableConsole(stderr=True)
    if file:
        write_attested(file, records.to_json(readiness), target.find_signer("planner"))
        console.print(
            f"Evidence: {file}; ./bulwark ready {readiness.option} --add {file} puts it into the vault.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return
    try:
        if not (reports := open_reports(target)):
            return
        if reports.issue_token:
            writer = open_vaults(target, vaults=("primary",), role="writer")["primary"]
            stored = records.store(writer, readiness, reports.issue_token)
            text, style = f"Evidence: {stored.key}, {format_lock(stored.locked_until)}", ""
        else:
            text, style = "This report is not kept: nothing attests it here (docs/readiness.md).", "yellow"
    except Failure as failure:
        text, style = f"This report is not kept: {failure}", "yellow"
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def add(target: StackTarget, file: Path) -> Readiness:
    """
    Put the report that another run wrote into the vault, and return it; again changes nothing.

    Without its attestation, which lies beside it, it is stored and does not count.

    Raises:
        Failure: for a file that is no whole report, or that of another stack, place or time, and for a vault
            that has another report of its id, or does not take it.
    """
    readiness = _read_report(file)
    known, own = (readiness.stack, readiness.place), (target.name, target.location)
    if known != own:
        raise Failure(
            f"{file} is the report of {known[0]} at the {known[1]}, and this is {own[0]} at the {own[1]}.",
            f"type ./bulwark ready {readiness.option} --add {file}.",
        )
    if not readiness.is_whole:
        raise Failure(f"{file} is a report of some checks alone.", "run ./bulwark ready without --only.")
    if readiness.looked_at > datetime.now(UTC):
        raise Failure(
            f"{file} is of a time that is yet to come.", "set the clock of the machine that ran it."
        )
    reports = open_reports(target)
    if not reports:
        raise Failure("The stack declares no vault.", f"declare `backups` in Pulumi.{target.name}.yaml.")
    vault = open_vaults(target, vaults=("primary",), role="writer")["primary"]
    token = read_attestation(file)
    if fault := reports.trust.find_fault(vault, records.to_json(readiness), token, "plan"):
        sys.stderr.write(printable(f"The report {readiness.id} {fault}, so that it does not count.") + "\n")
    try:
        stored = records.store(
            vault, readiness, (lambda _: token.decode(errors="replace")) if token else None
        )
    except Exists:
        kept = (one for one in reports.read() if one.id == readiness.id)
        if all(record.readiness != readiness for record in kept):
            raise Failure(
                f"The vault has another report {readiness.id}, which was left as it is.",
                f"look at it: ./bulwark ready {readiness.option} --report {readiness.id} --json.",
            ) from None
        sys.stderr.write(f"The report {readiness.id} is in the vault already.\n")
    else:
        sys.stderr.write(f"{stored.key} is in the vault, SHA-256 {stored.sha256}.\n")
    return readiness


def find_report(target: StackTarget, report: str) -> Readiness:
    """Return a kept report by its id. Raises Failure."""
    reports = open_reports(target)
    kept = reports.read() if reports else ()
    record = next((one for one in kept if one.id == report), None)
    if not record:
        raise Failure(f"There is no report {report}.", "./bulwark ready --history lists them.")
    if not record.readiness:
        raise Failure(f"The report {record.id} {record.unreadable}.", "choose another one.")
    if record.doubt:
        sys.stderr.write(printable(f"The report {record.id} does not count: it {record.doubt}.") + "\n")
    return record.readiness


def show_history(target: StackTarget, *, as_json: bool) -> None:
    """Print the newest reports with what moved in each, also those that do not count. Raises Failure."""
    reports = open_reports(target)
    kept = reports.read() if reports else ()
    rows = _describe_all(list(islice(kept, records.MOST_READ)), target)
    if as_json:
        sys.stdout.write(json.dumps({"stack": target.name, "reports": rows}, indent=2) + "\n")
        return
    console = PrintableConsole()
    if not rows:
        console.print(f"There is no report yet: ./bulwark ready --stack {target.name}{target.option}")
        return
    table = Table(
        "report", "verdict", "score", "failed", "moved", box=None, padding=(0, 2, 0, 0), pad_edge=False
    )
    for row in rows:
        moved = [*(f"+{one}" for one in row["new"]), *(f"-{one}" for one in row["fixed"])]
        table.add_row(
            plain(row["id"]),
            plain(row["verdict"].replace("_", " ")),
            "" if row["score"] is None else f"{row['score']} %",
            str(len(row["failed"])) if row["verdict"] else "",
            plain(", ".join(moved)),
        )
    console.print(table)
    console.print("+ failed for the first time, - was fixed", style="dim")
    for row in rows:
        if row["problem"]:
            line = f"Does not count: {row['id']}, which {row['problem']}"
            console.print(printable(line), style="yellow", markup=False)


def _describe_all(kept: list[ReportRecord], target: StackTarget) -> list[dict[str, Any]]:
    counted = records.choose_counted(kept, target.name, target.location)
    rows: list[dict[str, Any]] = []
    for record in kept:
        found = record.readiness
        counts = any(one == found for _, one in counted)
        moved = compare(found, counted) if found and counts else ReadinessTrend()
        other = "is of another stack or place" if found and not counts else ""
        rows.append(
            {
                "id": record.id,
                "at": record.at.isoformat() if record.at else None,
                "verdict": found.verdict if found else "",
                "score": found.score if found else None,
                "failed": [one.id for one in found.findings] if found else [],
                "new": [one.id for one in moved.findings if one.is_new],
                "fixed": list(moved.fixed),
                "problem": record.unreadable or record.doubt or other,
            }
        )
    return rows


def _read_report(file: Path) -> Readiness:
    try:
        return records.parse(read_file(file))
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}.", "name a report of readiness.") from None
    except DocumentError as error:
        raise Failure(
            f"{file} is no report of readiness: {error}.",
            "name what ./bulwark ready --evidence wrote, unchanged.",
        ) from None
