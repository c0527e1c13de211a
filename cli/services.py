"""`./bulwark status | logs | down`: the services on this machine, and what is known of the stack."""

import json
import sys
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from core.failure import Failure
from engine import stack_target, twin
from twin import services
from twin.host.home import TwinHome

StatusJsonOption = Annotated[bool, Parameter(name="--json", negative=())]
NEVER = "never"
UNKNOWN = "unknown"


def status(
    *, stack: Annotated[str, Parameter(name=["--stack", "-s"])] = "local", as_json: StatusJsonOption = False
) -> int:
    """
    Show the services, the stack, the last backup and the last drill.

    Args:
        stack: The stack whose services are looked at.
        as_json: Print one JSON document.

    Returns:
        0 when everything runs, 3 when a service does not.
    """
    space = stack_target.find(stack, on_twin=False)
    found = services.status(space.twin, twin.services(space.twin, space.settings)) if space.twin else []
    deployment = _deployment(space.twin, stack) if space.twin else {}
    document = {
        "stack": stack,
        "resources": deployment.get("resources", 0),
        "last_deployed": deployment.get("time", NEVER),
        **_newest(space, found),
        "services": [
            {"name": s.name, "state": s.state, "address": s.address, "pid": s.pid, "detail": s.detail}
            for s in found
        ],
    }
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print(document, space.twin)
    return 0 if all(service.state == "running" for service in found) else 3


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
    home = stack_target.home()
    known = [path.stem for path in sorted(home.logs.glob("*.log"))] if home.logs.exists() else []
    if unknown := [name for name in names if name not in known]:
        raise Failure(
            f"There is no log of {', '.join(unknown)}.",
            f"choose from: {', '.join(known)}." if known else "start the twin with `./bulwark up`.",
        )
    chosen = list(names) or known
    for name, line in services.log_lines(home, chosen, last=last):
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
    space = stack_target.find(stack, on_twin=True)
    home = stack_target.home()
    if home.root.exists():
        with Console(stderr=True).status("Stopping") as shown:
            services.stop(
                home,
                twin.services(home, space.settings),
                progress=lambda name, what: shown.update(f"{name}: {what}"),
            )
    return 0


def _deployment(home: TwinHome, stack: str) -> dict[str, Any]:
    """Read the file backend directly: asking the engine would take a second, and the answer is one file."""
    latest = stack_target.checkpoint(home, stack)
    return {
        "resources": len(latest.get("resources") or []),
        "time": (latest.get("manifest") or {}).get("time", NEVER),
    }


def _newest(space: stack_target.StackTarget, running: list[services.ServiceStatus]) -> dict[str, str]:
    """Return newest backup and drill by their ids, which begin with a time; only a running vault knows."""
    outputs = _outputs(space.twin, space.name) if space.twin else {}
    if not space.twin or "vault" not in outputs:
        return {"last_backup": NEVER, "last_drill": NEVER}
    if not any(service.name == "aws" and service.state == "running" for service in running):
        return {"last_backup": UNKNOWN, "last_drill": UNKNOWN}
    from cli.recovery_context import vault  # noqa: PLC0415 - boto3 takes a second, and nobody else here needs it
    from cli.role_credentials import deployer_credentials  # noqa: PLC0415 - the same
    from recovery import catalogue  # noqa: PLC0415 - it brings boto3 along
    from recovery.drill import records  # noqa: PLC0415 - the same
    from recovery.manifest import Manifest  # noqa: PLC0415 - the same

    key = deployer_credentials(space)
    primary = vault(outputs["vault"], space.settings.backups.region, space.twin, key)
    found = catalogue.list_backups(primary, Manifest)
    drills = records.records(primary, last=1)
    return {
        "last_backup": found[-1].id if found else NEVER,
        "last_drill": drills[0].told if drills else NEVER,
    }


def _outputs(home: TwinHome, stack: str) -> dict[str, Any]:
    resources = stack_target.checkpoint(home, stack).get("resources") or []
    return next((one.get("outputs", {}) for one in resources if one["type"] == "pulumi:pulumi:Stack"), {})


def _print(document: dict[str, Any], home: TwinHome | None) -> None:
    console = Console()
    facts = Table(show_header=False, title=f"Stack {document['stack']}")
    facts.add_row("resources", str(document["resources"]))
    for label in ("last_deployed", "last_backup", "last_drill"):
        value = document[label]
        facts.add_row(label.replace("_", " "), f"[red]{value}[/red]" if value == NEVER else value)
    if home:
        facts.add_row("data", str(home.root))
    console.print(facts)
    if document["services"]:
        table = Table("service", "state", "address", "pid", title="Services")
        for service in document["services"]:
            colour = "green" if service["state"] == "running" else "red"
            state = f"[{colour}]{service['state']}[/{colour}] {service['detail']}".strip()
            table.add_row(service["name"], state, service["address"], str(service["pid"] or ""))
        console.print(table)
