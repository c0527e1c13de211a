"""
The Automation API with fewer starts of the CLI: a quarter of a second each, of which `up` makes six.

What it leaves out, nobody here reads: the CLI's version once more for every workspace, what an operation that
has just succeeded is called in the stack's history, the outputs twice to tell the secret ones, and what the
SDK says on its way.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import pulumi.automation as auto
from pulumi import log
from pulumi.automation._stack import StackInitMode

__all__ = ["AutomationStack", "AutomationWorkspace", "StackInitMode"]

_SECRET: Final = ("4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270")
"""Key and value by which a deployment's JSON marks a secret (pulumi/pulumi, sdk/go/common/resource/sig)."""


@cache
def _command() -> auto.PulumiCommand:
    """Return the CLI on this process's PATH, asked once whether its version suits the Automation API's."""
    return auto.PulumiCommand()


class AutomationWorkspace(auto.LocalWorkspace):
    """A folder with a project and its stacks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(pulumi_command=_command(), **options)
        # A program of production says 645 things, each in a call to the engine, which drops them without
        # --debug; no operation here has that.
        log.debug = _unsaid

    is_known = False
    """The stack exists on a backend of files: each command names it, so selecting it changes nothing."""

    def select_stack(self, stack_name: str) -> None:
        if not self.is_known:
            super().select_stack(stack_name)

    def stack_outputs(self, stack_name: str) -> auto.OutputMap:
        """Return the outputs in clear; one with a secret anywhere in it is a secret."""
        arguments = ["stack", "export", "--show-secrets", "--stack", stack_name]
        said = self.pulumi_command.run(arguments, self.work_dir, dict(self.env_vars))
        resources = json.loads(said.stdout)["deployment"].get("resources") or ()
        found = next((one for one in resources if one["type"] == "pulumi:pulumi:Stack"), {})
        return {
            name: auto.OutputValue(value=_clear(value), secret=_clear(value) != value)
            for name, value in found.get("outputs", {}).items()
        }


def _unsaid(*_said: object, **_where: object) -> None:
    """Stand in for `pulumi.log.debug`."""


class AutomationStack(auto.Stack):
    """A stack in such a workspace. `select` and its like make the API's own, so it is made with a mode."""

    def info(self, show_secrets: bool = True) -> auto.UpdateSummary:  # noqa: ARG002 - the API's
        """Say of the operation that has just ended well that it did: one that fails raises before this."""
        return auto.UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


def _clear(value: Any) -> Any:
    match value:
        case {"plaintext": str(text)} if value.get(_SECRET[0]) == _SECRET[1]:
            return json.loads(text)
        case Mapping():
            return {key: _clear(one) for key, one in value.items()}
        case list():
            return [_clear(one) for one in value]
        case _:
            return value
