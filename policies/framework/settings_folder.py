"""The folder of a program's waivers and settings of the pack."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from core.text import printable
from policies.framework.configuration import ConfigurationError

PACK: Final = Path(__file__).parents[1]
VARIABLE: Final = "BULWARK_POLICY_SETTINGS"
"""
Names the folder of another program: `waivers.yaml`, and `config/<stack>.json` for each stack.

The engine starts a pack in the pack's own folder and tells it nothing of the program's.
"""

_OWN_PROJECTS: Final = frozenset(("bulwark", "bulwark-administrator"))


def find_settings_folder(environment: Mapping[str, str]) -> Path | None:
    """
    Return the folder of the settings of the program that is judged; None if it has none.

    This project's programs have theirs with the pack, whatever the variable says. For a policy analysis the
    engine does not name the project.

    Raises:
        ConfigurationError: The variable names no folder.
    """
    if environment.get("PULUMI_PROJECT") in _OWN_PROJECTS:
        return PACK
    named = environment.get(VARIABLE, "")
    if not named:
        return None
    folder = Path(named)
    if not folder.is_absolute() or not folder.is_dir():
        raise ConfigurationError(
            f"{VARIABLE} must be the absolute path of a folder, not {printable(named)[:200]}"
        )
    return folder
