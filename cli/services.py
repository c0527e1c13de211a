"""`./bulwark status | logs | down`: the services on this machine, and the state of the stack."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table

from core.console import PrintableConsole, plain
from core.failure import Failure
from engine.program import BOTH
from engine.stack_target import StackTarget
from engine.targets import find_target, find_twin_target, state_folder
from twin import services
from twin.host.home import TwinHome

StatusJsonOption = Annotated[bool, Parameter(name="--json", negative=())]
NEVER = "never"
UNKNOWN = "unknown"


def status(
    *, stack: Annotated[str, Parameter(name=["--stack", "-s"])] = "local", as_json: StatusJsonOption = False
) -> int:
    """
    Show the services, the stack, the last backup, the last drill, and servers that `restore --to new` made.

    Args:
        stack: The stack whose services are looked at.
        as_json: Print one JSON document.

    Returns:
        0 when everything runs, 3 when a service does not.
    """
    from cli.servers import list_servers  # noqa: PLC0415 - the other commands need no PostgreSQL

    target = find_target(stack, on_twin=False)
    statuses = target.service_statuses()
    checkpoint = target.read_checkpoint() or {}
    both = [target.read_checkpoint(project=program.project) or {} for program in BOTH]
    document = {
        "stack": stack,
        "resources": sum(len(one.get("resources") or []) for one in both),
        "last_deployed": (checkpoint.get("manifest") or {}).get("time", NEVER),
        **_newest(target, checkpoint, statuses),
        "services": [
            {
                "name": status.name,
                "state": status.state,
                "address": status.address,
                "pid": status.pid,
                "detail": status.detail,
            }
            for status in statuses
        ],
        "restored_servers": [{"backup": server.backup, "state": server.state} for server in list_servers()],
    }
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print(document, target.folder)
    return 0 if all(status.state == "running" for status in statuses) else 3


def logs(
    *names: str, follow: Annotated[bool, Parameter(name=["--follow", "-f"])] = False, last: int = 50
) -> int:
    """
    Show what the services wrote.

    Args:
        names: Services; all when none is named.
        follow: Go on showing new lines until interrupted.
        last: How many lines of each service.
    """
    home = TwinHome(state_folder().root)
    known = [path.stem for path in sorted(home.logs.glob("*.log"))] if home.logs.exists() else []
    if unknown := [name for name in names if name not in known]:
        raise Failure(
            f"There is no log of {', '.join(unknown)}.",
            f"choose from: {', '.join(known)}." if known else "start the twin with `./bulwark up`.",
        )
    chosen = list(names) or known
    for name, line in services.read_logs(home, chosen, last=last):
        sys.stdout.write(f"{name}: {line}\n")
    if follow:
        for name, line in services.follow_logs(home, chosen):
            sys.stdout.write(f"{name}: {line}\n")
            sys.stdout.flush()
    return 0


def down(*, stack: Annotated[str, Parameter(name=["--stack", "-s"])] = "local") -> int:
    """
    Stop the services and keep their data; `./bulwark up` starts them again.

    Args:
        stack: The stack whose services are stopped.
    """
    target = find_twin_target(stack)
    if target.home.root.exists():
        with PrintableConsole(stderr=True).status("Stopping") as line:
            services.stop(
                target.home,
                target.services(),
                on_progress=lambda name, what: line.update(f"{name}: {what}"),
            )
    return 0


def _newest(
    target: StackTarget, checkpoint: Mapping[str, Any], statuses: Sequence[services.ServiceStatus]
) -> dict[str, str]:
    """
    Return the newest backup and drill by their ids, which begin with a time.

    Only a running vault knows them.
    """
    outputs = _outputs(checkpoint)
    if "vault" not in outputs:
        return {"last_backup": NEVER, "last_drill": NEVER}
    if not any(status.name == "aws" and status.state == "running" for status in statuses):
        return {"last_backup": UNKNOWN, "last_drill": UNKNOWN}
    # boto3 takes a second, and no other command here needs it.
    from cli.recovery_context import find_trust, open_vault  # noqa: PLC0415
    from recovery import catalogue  # noqa: PLC0415
    from recovery.drill import records  # noqa: PLC0415
    from recovery.manifest import Manifest  # noqa: PLC0415

    primary = open_vault(
        target, outputs["vault"], target.settings.backups.region, target.deployer_credentials()
    )
    backups = catalogue.list_backups(primary, Manifest)
    drills = records.read_records(primary, find_trust(target), last=1)
    return {
        "last_backup": backups[-1].id if backups else NEVER,
        "last_drill": drills[0].summary if drills else NEVER,
    }


def _outputs(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    resources = checkpoint.get("resources") or []
    roots = (root.get("outputs", {}) for root in resources if root["type"] == "pulumi:pulumi:Stack")
    return next(roots, {})


def _print(document: dict[str, Any], folder: Path | None) -> None:
    console = PrintableConsole()
    facts = Table(show_header=False, title=f"Stack {document['stack']}")
    facts.add_row("resources", str(document["resources"]))
    for label in ("last_deployed", "last_backup", "last_drill"):
        value = document[label]
        facts.add_row(label.replace("_", " "), f"[red]{value}[/red]" if value == NEVER else plain(value))
    if folder:
        facts.add_row("data", str(folder))
    console.print(facts)
    if document["services"]:
        table = Table("service", "state", "address", "pid", title="Services")
        for service in document["services"]:
            colour = "green" if service["state"] == "running" else "red"
            state = f"[{colour}]{service['state']}[/{colour}] {service['detail']}".strip()
            table.add_row(service["name"], state, service["address"], str(service["pid"] or ""))
        console.print(table)
    if document["restored_servers"]:
        table = Table("backup", "state", title="Servers of restore --to new")
        for server in document["restored_servers"]:
            state = server["state"]
            table.add_row(plain(server["backup"]), f"[red]{state}[/red]" if state == "leftover" else state)
        console.print(table)
        console.print("Remove one: ./bulwark discard BACKUP", highlight=False)
