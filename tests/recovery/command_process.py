"""
The real `./bulwark` commands in a process of their own, with a recovery context that a test chooses.

Run as a script, this module is that process. BULWARK_TEST_CONTEXT has the context as JSON. At the stage that
BULWARK_TEST_STAGE names, the process prints the stage and pauses, so that a test can end it there.
"""

import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3_server import credentials

CHECKOUT = Path(__file__).parents[2]
STAGES = ("snapshot", "dump", "between", "manifest")
_FOREVER_SECONDS = 600.0


@dataclass(frozen=True)
class CommandRunner:
    """Runs commands with one database, one vault and one address of monitors."""

    database: str
    endpoint: str
    bucket: str
    monitors: str = ""
    """URL that is called as `<url>/heartbeat` and `<url>/checkin?status=...`."""

    variables: dict[str, str] = field(default_factory=dict[str, str])

    def environment(self, stage: str) -> dict[str, str]:
        context = {
            "database": self.database,
            "endpoint": self.endpoint,
            "bucket": self.bucket,
            "monitors": self.monitors,
        }
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": os.pathsep.join((str(CHECKOUT), str(CHECKOUT / "tests"))),
            "BULWARK_TEST_CONTEXT": json.dumps(context),
            "BULWARK_TEST_STAGE": stage,
            **credentials(),
            **self.variables,
        }

    def start(self, *arguments: str, stage: str = "") -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, __file__, *arguments],
            env=self.environment(stage),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @contextmanager
    def paused_at(self, stage: str, *arguments: str) -> Generator["subprocess.Popen[str]"]:
        """Give the process once it has paused at a stage; kill it at the end."""
        process = self.start(*arguments, stage=stage)
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line == f"at {stage}\n", (line, process.stderr and process.stderr.read())
            yield process
        finally:
            process.kill()
            process.communicate()


def _pause(stage: str) -> None:
    sys.stdout.write(f"at {stage}\n")
    sys.stdout.flush()
    time.sleep(_FOREVER_SECONDS)


def _pause_before(stage: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        _pause(stage)
        return original(*arguments, **named)

    return called


def _pause_at(stage: str) -> None:
    """Replace the function that begins or ends a stage by one that pauses there."""
    from recovery import backup, restore  # noqa: PLC0415 - a test imports this module for the class above
    from recovery.vault.upload import MultipartUpload  # noqa: PLC0415
    from recovery.vault.vault import VaultClient  # noqa: PLC0415

    wait_for_room, put, load = MultipartUpload.wait_for_room, VaultClient.put, restore.load

    def with_parts(upload: MultipartUpload, size: int) -> None:
        wait_for_room(upload, size)
        if upload.parts > 1:
            _pause(stage)

    def before_manifest(vault: VaultClient, key: str, body: bytes) -> Any:
        if key.endswith("manifest.json"):
            _pause(stage)
        return put(vault, key, body)

    def after_load(*arguments: Any, **named: Any) -> Any:
        result = load(*arguments, **named)
        _pause(stage)
        return result

    replacements: dict[str, tuple[Any, str, Callable[..., Any]]] = {
        "snapshot": (backup, "find_client_programs", _pause_before(stage, backup.find_client_programs)),
        "dump": (MultipartUpload, "wait_for_room", with_parts),
        "between": (backup, "read_globals", _pause_before(stage, backup.read_globals)),
        "manifest": (VaultClient, "put", before_manifest),
        "fetched": (restore, "restore_roles", _pause_before(stage, restore.restore_roles)),
        "loaded": (restore, "load", after_load),
    }
    if stage:
        setattr(*replacements[stage])


def main() -> None:
    from attesting import SIGN, TRUST  # noqa: PLC0415

    import cli.backup  # noqa: PLC0415
    import cli.backups  # noqa: PLC0415
    import cli.restore  # noqa: PLC0415
    import cli.verify  # noqa: PLC0415
    from recovery.context import RecoveryContext  # noqa: PLC0415
    from recovery.vault.client import create_client  # noqa: PLC0415
    from recovery.vault.vault import VaultClient  # noqa: PLC0415

    settings = json.loads(os.environ["BULWARK_TEST_CONTEXT"])
    vault = VaultClient(
        create_client("us-east-1", settings["endpoint"], attempts=2), settings["bucket"], part_bytes=5 << 20
    )
    monitors = settings["monitors"]
    context = RecoveryContext(
        "test",
        {"primary": vault, "replica": vault},
        {"database": f"{monitors}/heartbeat"} if monitors else {},
        {"database": f"{monitors}/checkin"} if monitors else {},
        TRUST,
        SIGN,
        store="database",
        database_url=settings["database"],
    )
    for command in (cli.backup, cli.backups, cli.restore, cli.verify):
        vars(command)["open_context"] = lambda *_, **__: context
    for command in (cli.backup, cli.restore):
        vars(command)["open_stores"] = lambda _, stores, **__: dict.fromkeys(stores, context)
    _pause_at(os.environ["BULWARK_TEST_STAGE"])
    sys.argv[0] = "bulwark"
    runpy.run_module("cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
