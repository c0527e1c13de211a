"""The policy gate: production's program runs only in an engine that has the policy pack on."""

import os
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from itertools import pairwise
from pathlib import Path
from typing import Final

import psutil
import pulumi

from policies.framework import configuration

PACK: Final = Path(__file__).resolve().parent.parent / "policies"

in_force: ContextVar[bool] = ContextVar("in_force", default=False)
"""Set by `./bulwark`, which starts the engine itself and always with the pack."""

_FLAG: Final = "--policy-pack"
_VARIABLE: Final = "PULUMI_OPTION_POLICY_PACK"  # the CLI reads every flag from such a variable too


class PolicyPackMissingError(pulumi.RunError):
    """A production run without the policy pack; the text names the line to type instead."""


def require(*, environment: str, stack: str) -> None:
    """
    Refuse a production run that no policy would judge.

    Raises:
        PolicyPackMissingError: the engine was started without the pack, or with its rules relaxed.
        pulumi.RunError: the configuration of the rules can't be read.
    """
    if environment != "production":
        return
    try:
        rules = configuration.relaxed_rules(configuration.read(stack))
    except configuration.ConfigurationError as error:
        raise pulumi.RunError(str(error)) from None
    if rules:
        raise PolicyPackMissingError(
            f"in production every rule is mandatory, and policies/config/{stack}.json relaxes "
            f"{', '.join(rules)}.\nRemove that, or waive single resources in policies/waivers.yaml."
        )
    if in_force.get():
        return
    arguments, folder = _engine()
    if not applies(arguments, os.environ, folder):
        command = "preview" if "preview" in arguments else "up"
        raise PolicyPackMissingError(
            f"the policy pack is off, and production is never deployed without it.\n"
            f"Type: ./bulwark {command} --stack {stack}\n"
            '  or, without ./bulwark: README.md, "Plain Pulumi"'
        )


def applies(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> bool:
    """
    Tell whether a CLI called with these arguments, in this folder, runs our pack as it is.

    `--policy-pack-config` could switch rules off, so a run that has it does not count.
    """
    if environment.get(f"{_VARIABLE}_CONFIG"):
        return False
    if any(argument.split("=")[0] == f"{_FLAG}-config" for argument in arguments):
        return False
    packs = [environment.get(_VARIABLE, "")]
    for argument, following in pairwise([*arguments, ""]):
        if argument == _FLAG:
            packs.append(following)
        elif argument.startswith(f"{_FLAG}="):
            packs.append(argument.removeprefix(f"{_FLAG}="))
    paths = [path for pack in packs for path in pack.split(",") if path]
    return any((folder / path).resolve() == PACK for path in paths)


def _engine() -> tuple[list[str], Path]:
    """Return arguments and folder of the nearest `pulumi` above this process; none where there is none."""
    for ancestor in psutil.Process().parents():
        try:
            line, folder = ancestor.cmdline(), ancestor.cwd()
        except psutil.Error:
            continue
        if line and Path(line[0]).name in {"pulumi", "pulumi.exe"}:
            return line[1:], Path(folder)
    return [], Path.cwd()
