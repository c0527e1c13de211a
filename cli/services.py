"""`./bulwark logs | down`: the services on this machine."""

import sys
from typing import Annotated

from cyclopts import Parameter

from core.console import PrintableConsole
from core.failure import Failure
from engine.targets import find_twin_target, state_folder
from twin import services
from twin.host.home import TwinHome


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
