"""The two programs of this repository: the platform's, and its administrator's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.settings import PROJECT
from engine.stack_file import CHECKOUT

_AWS: Final = ("pulumi_aws",)


@dataclass(frozen=True)
class Program:
    """A program, with the name of its project. Both read the settings of one file per stack."""

    project: str
    folder: Path
    module: str
    """The module whose import takes longest."""

    packages: Sequence[str]
    """The provider packages that it needs."""

    title: str
    """How messages name its stack."""


PLATFORM: Final = Program(
    PROJECT,
    CHECKOUT,
    "components.platform",
    (
        *_AWS,
        "pulumi_neon",
        "pulumi_uptimerobot",
        "pulumi_sentry",
        "pulumi_pagerduty",
        "pulumi_railway",
        "pulumi_vercel",
    ),
    "the platform's stack",
)
ADMINISTRATOR: Final = Program(
    "bulwark-administrator",
    CHECKOUT / "administrator",
    "components.accounts",
    _AWS,
    "the administrator's stack",
)
BOTH: Final = (ADMINISTRATOR, PLATFORM)
"""In the order in which they are deployed: the platform's roles and vaults are the administrator's."""
