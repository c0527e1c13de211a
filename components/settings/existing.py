"""What exists already at the vendors, by the names that the program gives its resources."""

from typing import Annotated

from pydantic import Field, StringConstraints

from components.settings.model import SettingsModel

_Id = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class ExistingSettings(SettingsModel):
    """The block `bulwark:existing`; `./bulwark adopt` writes it. Each map is resource -> the vendor's id."""

    adopt: dict[str, _Id] = Field(default_factory=dict)
    """Taken over: from the next `up` on the stack changes it as declared, and `destroy` deletes it."""

    reference: dict[str, _Id] = Field(default_factory=dict)
    """Only read, because others use it as well: the stack never changes or deletes it."""


def rules(existing: ExistingSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    both = sorted(existing.adopt.keys() & existing.reference.keys())
    return [
        (f"reference.{name}", "is under `adopt` as well; it is either taken over or read") for name in both
    ]
