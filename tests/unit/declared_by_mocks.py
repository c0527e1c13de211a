"""
Declares the platform and its accounts with some blocks left out, against the SDK's own mocks.

Reads lines of JSON from standard input, each the blocks of a stack's file; writes for each a line with the
types of what was declared, and the secrets and tokens that were asked for.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components import scheduled_job
from components.accounts import Accounts
from components.platform import Platform
from components.providers import build, build_aws
from components.secrets import TOKEN_VARIABLES, Secrets, required_secrets
from components.settings import Settings, load
from components.stack import outputs

_OUTPUTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("arn", "databaseHost", "databaseHostPooler", "password", "url", "urlKey"), "known"),
    "dsn": {"public": "https://key@sentry.example.com/1"},
}


class Recorder(pulumi.runtime.Mocks):
    """Returns what it is given, and remembers the types."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        self.types.append(args.typ)
        return "4711", {**_OUTPUTS, **args.inputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        return {"id": "1", **args.args}


async def _find_slug(*_: str) -> str:
    return "slug"


def declare(settings: Settings) -> list[str]:
    """Return the types of all that the settings declare."""
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
    return recorder.types


def main() -> None:
    """Answer each line of standard input."""
    scheduled_job.find_slug = _find_slug
    for line in sys.stdin:
        settings = load(json.loads(line))
        answer = {
            "types": sorted(set(declare(settings))),
            "secrets": required_secrets(settings),
            "tokens": [name for block, name in TOKEN_VARIABLES.items() if getattr(settings, block)],
        }
        sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
