"""The real commands with a recovery file, in an empty folder, where whatever imports Pulumi fails."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from warm_python import run_python

from twin.host.home import TwinHome

_WITHOUT_PULUMI = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0].startswith('pulumi'):
            raise RuntimeError(f'{name} was imported')
sys.meta_path.insert(0, Refuse())
sys.argv[0] = 'bulwark'
runpy.run_module('cli', run_name='__main__', alter_sys=True)
"""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class RecoveryCommand:
    """Runs commands with the recovery file `recovery.yaml` in a folder of its own."""

    folder: Path
    home: TwinHome
    """Where restored servers are."""

    variables: dict[str, str] = field(default_factory=dict[str, str])
    """The command's environment beside PATH and HOME: the secrets."""

    def write(self, **content: Any) -> None:
        """Write the recovery file, which accepts what nobody attested unless `content` says otherwise."""
        document = {"name": "example", "trust": {"unattested": "accept"}, **content}
        (self.folder / "recovery.yaml").write_text(json.dumps(document, indent=2))

    def start(
        self, *arguments: str, recovery: bool = True, variables: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *self._command(*arguments, recovery=recovery)],
            cwd=self.folder,
            env=self._environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _command(self, *arguments: str, recovery: bool) -> list[str]:
        option = ["--recovery", "recovery.yaml"] if recovery else []
        return ["-P", "-c", _WITHOUT_PULUMI, *arguments, *option]

    def _environment(self, variables: Mapping[str, str] | None) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder.parent),
            "COLUMNS": "200",
            "BULWARK_TWIN": str(self.home.root),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.variables,
            **(variables or {}),
        }

    def run(
        self, *arguments: str, recovery: bool = True, variables: Mapping[str, str] | None = None
    ) -> Ended:
        done = run_python(
            self._command(*arguments, recovery=recovery),
            libraries="recovery",
            folder=self.folder,
            environment=self._environment(variables),
            timeout_seconds=180,
        )
        ended = Ended(done.returncode, done.stdout, done.stderr)
        for name, secret in self.variables.items():
            assert secret not in ended.text, name
        return ended


def without_password(url: str) -> str:
    """Return a URL as a recovery file has it."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}").geturl()


def reference(key_id: str, secret: str) -> dict[str, dict[str, str]]:
    """Return the block `credentials` with the variables of an access key."""
    return {"access_key_id": {"env": key_id}, "secret_access_key": {"env": secret}}
