"""Takes over, or only reads, what exists already at the vendors."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

import pulumi

from components.settings import PROJECT
from components.settings.existing import ExistingSettings

IGNORED: Final[ContextVar[bool]] = ContextVar("existing_resources_are_ignored", default=False)
"""Whether the program declares everything as new, so that a search sees each resource as it is declared."""


class ExistingResources:
    """
    A transformation of resources: those that the settings name are imported, or read.

    A component that has it in its options hands it on to its children.
    """

    def __init__(self, settings: ExistingSettings, *, is_ours: Callable[[str], bool]) -> None:
        """Take the settings; `is_ours` tells which of the names this program declares."""
        self._adopt = {} if IGNORED.get() else settings.adopt
        self._reference = {} if IGNORED.get() else settings.reference
        self._unused = set(filter(is_ours, (*self._adopt, *self._reference)))

    def __call__(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Return what to make of a resource; None leaves it as it is."""
        self._unused.discard(args.name)
        if identifier := self._adopt.get(args.name):
            opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(import_=identifier))
            return pulumi.ResourceTransformationResult(args.props, opts)
        if identifier := self._reference.get(args.name):
            opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(id=identifier))
            # Without its properties, as `Resource.get` reads it: a provider takes them for what it has seen.
            return pulumi.ResourceTransformationResult(dict.fromkeys(args.props), opts)
        return None

    def require_declared(self) -> None:
        """
        Refuse names of the settings that no resource has had.

        Raises:
            pulumi.RunError: names them.
        """
        if self._unused:
            raise pulumi.RunError(
                f"{PROJECT}:existing names {', '.join(sorted(self._unused))}, which the program does not "
                "declare; `./bulwark adopt` writes the right names."
            )


def is_of_accounts(name: str) -> bool:
    """Tell by its name whether the administrator's program declares a resource, or else the platform's."""
    return name.startswith("backups-")
