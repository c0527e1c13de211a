"""
Runs a program in a sandbox, as a script that a test can run as another user and kill.

Arguments: the checkout's folder `core` in a folder of its own, then JSON with what `run` takes.
"""

import json
import os
import sys
import time
from pathlib import Path


def run(
    command: list[str],
    *,
    account: list[int] | None = None,
    namespaces: bool | None = None,
    own_network: bool = True,
    readable: tuple[str, ...] = (),
    writable: tuple[str, ...] = (),
    let_go: bool = False,
    forever: bool = False,
) -> int:
    from core import sandbox  # noqa: PLC0415 - the path is an argument

    found = sandbox.find_isolation(sandbox.SystemUser(*account) if account else None)
    if namespaces is not None:
        found = sandbox.Isolation(found.account, namespaces)
    process = sandbox.start(
        command,
        sandbox.Sandbox(
            found,
            (*sandbox.SYSTEM_FOLDERS, *sandbox.SYSTEM_FILES, *map(Path, readable)),
            tuple(map(Path, writable)),
            own_network,
        ),
        environment={"PATH": os.defpath, "GIVEN": "yes"},
        folder=Path("/"),
        output=1,
    )
    if let_go:
        process.let_go()
        return 0
    if forever:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        time.sleep(600)
    return process.process.wait()


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    sys.exit(run(**json.loads(sys.argv[2])))
