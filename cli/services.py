"""`./bulwark logs | down`: the services on this machine."""

import json
import sys
from typing import Annotated

from cyclopts import Parameter

from cli.options import JsonOption, StackOption
from core.console import PrintableConsole
from core.failure import Failure
from engine.targets import find_twin_target
from twin import services


def logs(
    *names: str,
    stack: StackOption = "local",
    follow: Annotated[bool, Parameter(name=["--follow", "-f"])] = False,
    last: int = 50,
    as_json: JsonOption = False,
) -> int:
    """
    Show what the services wrote.

    Args:
        names: Services; all when none is named.
        stack: The stack whose twin is meant.
        follow: Go on showing new lines until interrupted.
        last: How many lines of each service.
        as_json: Print one JSON document, service -> its lines.
    """
    home = find_twin_target(stack).home
    if follow and as_json:
        raise Failure("--follow and --json exclude each other: a document has an end.", "choose one of them.")
    known = [path.stem for path in sorted(home.logs.glob("*.log"))] if home.logs.exists() else []
    if unknown := [name for name in names if name not in known]:
        raise Failure(
            f"There is no log of {', '.join(unknown)}.",
            f"choose from: {', '.join(known)}." if known else "start the twin with `./bulwark up`.",
        )
    chosen = list(names) or known
    lines = services.read_logs(home, chosen, last=last)
    if as_json:
        document = {name: [line for source, line in lines if source == name] for name in chosen}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return 0
    for name, line in lines:
        sys.stdout.write(f"{name}: {line}\n")
    if follow:
        for name, line in services.follow_logs(home, chosen):
            sys.stdout.write(f"{name}: {line}\n")
            sys.stdout.flush()
    return 0


def down(*, stack: StackOption = "local", as_json: JsonOption = False) -> int:
    """
    Stop the services and keep their data; `./bulwark up` starts them again.

    Args:
        stack: The stack whose services are stopped.
        as_json: Print one JSON document, with the names of what was stopped.
    """
    target = find_twin_target(stack)
    stopped: list[str] = []
    if target.home.root.exists():
        with PrintableConsole(stderr=True).status("Stopping") as line:

            def show(name: str, what: str) -> None:
                stopped.append(name)
                line.update(f"{name}: {what}")

            services.stop(target.home, target.services(), on_progress=show)
    if as_json:
        sys.stdout.write(json.dumps({"stopped": stopped}, indent=2) + "\n")
    elif stopped:
        sys.stdout.write(f"Stopped: {', '.join(stopped)}. Their data stays.\n")
        sys.stdout.write("  Next: ./bulwark up starts them again.\n")
    else:
        sys.stdout.write("Nothing was running.\n")
    return 0
