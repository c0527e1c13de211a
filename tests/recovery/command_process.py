"""
`./bulwark` on a site of a test's own: the real commands in a process of their own, which can be killed.

Run as a script it is that process. The site comes by the environment (BULWARK_TEST_SITE); with
BULWARK_TEST_STAGE it tells when it is there, and stays there.
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
class Commands:
    """The site that the commands find."""

    database: str
    endpoint: str
    bucket: str
    monitors: str = ""
    """URL that is called as `<url>/heartbeat` and `<url>/checkin?status=...`."""

    variables: dict[str, str] = field(default_factory=dict[str, str])

    def environment(self, stage: str) -> dict[str, str]:
        site = {
            "database": self.database,
            "endpoint": self.endpoint,
            "bucket": self.bucket,
            "monitors": self.monitors,
        }
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(CHECKOUT),
            "BULWARK_TEST_SITE": json.dumps(site),
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
    def at(self, stage: str, *arguments: str) -> Generator["subprocess.Popen[str]"]:
        """Give the process once it is at a stage, where it stays; kill it in the end."""
        process = self.start(*arguments, stage=stage)
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line == f"at {stage}\n", (line, process.stderr and process.stderr.read())
            yield process
        finally:
            process.kill()
            process.communicate()


def _stay(stage: str) -> None:
    sys.stdout.write(f"at {stage}\n")
    sys.stdout.flush()
    time.sleep(_FOREVER_SECONDS)


def _staying(stage: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        _stay(stage)
        return original(*arguments, **named)

    return called


def _arrange(stage: str) -> None:
    """Put this project's own functions under watch, so that a test knows where a run is."""
    from recovery import backup, restore  # noqa: PLC0415 - not what a test imports this module for
    from recovery.vault.upload import MultipartUpload  # noqa: PLC0415
    from recovery.vault.vault import VaultClient  # noqa: PLC0415

    make_room, put, load = MultipartUpload.make_room, VaultClient.put, restore.load

    def with_parts(upload: MultipartUpload, size: int) -> None:
        make_room(upload, size)
        if upload.parts > 1:
            _stay(stage)

    def before_manifest(vault: VaultClient, key: str, body: bytes) -> Any:
        if key.endswith("manifest.json"):
            _stay(stage)
        return put(vault, key, body)

    def loaded(*arguments: Any, **named: Any) -> Any:
        load(*arguments, **named)
        _stay(stage)

    where: dict[str, tuple[Any, str, Callable[..., Any]]] = {
        "snapshot": (backup, "find", _staying(stage, backup.find)),
        "dump": (MultipartUpload, "make_room", with_parts),
        "between": (backup, "capture", _staying(stage, backup.capture)),
        "manifest": (VaultClient, "put", before_manifest),
        "fetched": (restore, "recreate", _staying(stage, restore.recreate)),
        "loaded": (restore, "load", loaded),
    }
    if stage:
        setattr(*where[stage])


def main() -> None:
    import cli.backup  # noqa: PLC0415
    import cli.restore  # noqa: PLC0415
    import cli.verify  # noqa: PLC0415
    from recovery.context import RecoveryContext  # noqa: PLC0415
    from recovery.vault.client import client  # noqa: PLC0415
    from recovery.vault.vault import VaultClient  # noqa: PLC0415

    told = json.loads(os.environ["BULWARK_TEST_SITE"])
    vault = VaultClient(client("us-east-1", told["endpoint"], attempts=2), told["bucket"], part_bytes=5 << 20)
    monitors = told["monitors"]
    site = RecoveryContext(
        "test",
        told["database"],
        {"primary": vault, "replica": vault},
        {"database": f"{monitors}/heartbeat"} if monitors else {},
        {"database": f"{monitors}/checkin"} if monitors else {},
    )
    for command in (cli.backup, cli.restore, cli.verify):
        vars(command)["opened"] = lambda *_, **__: site
    _arrange(os.environ["BULWARK_TEST_STAGE"])
    sys.argv[0] = "bulwark"
    runpy.run_module("cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
