"""
The Automation API with fewer starts of the CLI, which takes a quarter of a second each; `up` makes six.

It leaves out what nothing here uses: the CLI's version, which toolchain/engine.py has compared, the history
entry of an operation that has just succeeded, a second export of the outputs to mark the secret ones, and the
SDK's debug messages.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pulumi.automation as auto
from pulumi import log
from pulumi._version import version
from pulumi.automation._stack import StackInitMode

from engine import program_wait

__all__ = ["AutomationStack", "AutomationWorkspace", "StackInitMode"]

_SECRET: Final = ("4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270")
"""Key and value by which a deployment's JSON marks a secret (pulumi/pulumi, sdk/go/common/resource/sig)."""


class _Command(auto.PulumiCommand):
    """The CLI on this process's PATH, which `toolchain.engine.search_path` has put there."""

    def __init__(self) -> None:
        # The API's own starts the CLI to ask for its version.
        self.command = "pulumi"
        self.version = version  # the SDK's, which is the CLI's too


class AutomationWorkspace(auto.LocalWorkspace):
    """A folder with a project and its stacks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(pulumi_command=_Command(), **options)
        # Production's program logs 645 debug messages, each in a call to the engine, which drops them unless
        # it runs with --debug. No operation here does.
        log.debug = _log_nothing
        program_wait.install()

    is_known = False
    """Whether the stack exists in a backend of files. Every command names it, so selecting it is of no
    use."""

    def select_stack(self, stack_name: str) -> None:
        if not self.is_known:
            super().select_stack(stack_name)

    def stack_outputs(self, stack_name: str) -> auto.OutputMap:
        """Return the outputs in clear; an output with a secret anywhere in it is a secret."""
        arguments = ["stack", "export", "--show-secrets", "--stack", stack_name]
        export = self.pulumi_command.run(arguments, self.work_dir, dict(self.env_vars))
        resources = json.loads(export.stdout)["deployment"].get("resources") or ()
        root = next((resource for resource in resources if resource["type"] == "pulumi:pulumi:Stack"), {})
        return {
            name: auto.OutputValue(value=_decrypt(value), secret=_decrypt(value) != value)
            for name, value in root.get("outputs", {}).items()
        }


def _log_nothing(*_arguments: object, **_options: object) -> None:
    """Stand in for `pulumi.log.debug`."""


class AutomationStack(auto.Stack):
    """
    A stack in an AutomationWorkspace.

    The API's `select` would make a plain Stack: construct this with a mode.
    """

    def info(self, show_secrets: bool = True) -> auto.UpdateSummary:  # noqa: ARG002 - the API's signature
        """Return that the operation which has just ended succeeded: one that fails raises before this."""
        return auto.UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


def _decrypt(value: Any) -> Any:
    match value:
        case {"plaintext": str(text)} if value.get(_SECRET[0]) == _SECRET[1]:
            return json.loads(text)
        case Mapping():
            return {key: _decrypt(entry) for key, entry in value.items()}
        case list():
            return [_decrypt(entry) for entry in value]
        case _:
            return value
