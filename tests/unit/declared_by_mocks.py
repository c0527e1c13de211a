"""
Declares the platform and its accounts by the blocks of a stack's file, against the SDK's own mocks.

Reads lines of JSON from standard input, each the blocks of a file. Answers each with a line: the types of
what was declared, the names that two resources have, the project of each monitor at Sentry, and the secrets
and tokens that were asked for; or the problems of the settings; or the traceback of a failure.
"""

import json
import sys
import traceback
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components import scheduled_job
from components.accounts import Accounts
from components.platform import Platform
from components.providers import build, build_aws
from components.secrets import TOKEN_VARIABLES, Secrets, required_secrets
from components.settings import Settings, load
from components.settings.load import SettingsError
from components.stack import outputs

_OUTPUTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("arn", "databaseHost", "databaseHostPooler", "password", "url", "urlKey"), "known"),
    "dsn": {"public": "https://key@sentry.example.com/1"},
}


class Recorder(pulumi.runtime.Mocks):
    """Returns what it is given, and remembers types, names and projects."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.names: Counter[str] = Counter()
        self.projects: dict[str, str] = {}
        """Monitor at Sentry -> the project that is told of it."""

        self._names_by_id: dict[str, str] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        self.types.append(args.typ)
        self.names[f"{args.typ} {args.name}"] += 1
        if args.typ.startswith("sentry:") and args.typ.endswith("Monitor"):
            self.projects[args.name] = self._names_by_id[args.inputs["project"]]
        made = str(4711 + len(self._names_by_id))
        self._names_by_id[made] = args.name
        return made, {**_OUTPUTS, **args.inputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        return {"id": "1", **args.args}


async def _find_slug(organization: str, monitor: str) -> str:  # noqa: ARG001 - names of what it replaces
    return "slug"


def declare(settings: Settings) -> Recorder:
    """Declare all of the settings."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder)
    value = pulumi.Output.secret("secret")

    @pulumi.runtime.test
    def program() -> Any:
        secrets = Secrets(dict.fromkeys(required_secrets(settings), value))
        platform = Platform("example", settings, secrets=secrets, providers=build(settings))
        if settings.backups:
            targets = dict.fromkeys(settings.alerting.channels, value)
            Accounts("accounts", settings, providers=build_aws(settings), webhooks=targets)
        return pulumi.Output.all(**outputs(platform, settings)).apply(lambda _: None)

    program()
    return recorder


def answer(blocks: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of one file."""
    try:
        settings = load(blocks)
    except SettingsError as error:
        return {"problems": error.document()}
    try:
        recorder = declare(settings)
    except Exception:  # noqa: BLE001 - whatever it is, the test shows it
        return {"failure": traceback.format_exc()}
    return {
        "types": sorted(set(recorder.types)),
        "twice": sorted(name for name, count in recorder.names.items() if count > 1),
        "projects": recorder.projects,
        "secrets": required_secrets(settings),
        "tokens": [name for block, name in TOKEN_VARIABLES.items() if getattr(settings, block)],
    }


def main() -> None:
    """Answer each line of standard input."""
    scheduled_job.find_slug = _find_slug
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
