"""A store: something that is backed up by itself, such as a database or buckets of files."""

from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AfterValidator, StringConstraints

from core import vault_layout
from core.failure import Failure

StoreKind = Literal["database", "files", "state"]
KINDS: Final[tuple[StoreKind, ...]] = ("database", "files", "state")

RESERVED: Final = frozenset(("state", "all", "proof", "drill", "elsewhere"))
"""What no database and no source of files can be called: the state of a stack, an option, and other jobs."""


def _require_declarable(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"is reserved, as {', '.join(sorted(RESERVED - {name}))} are")
    return name


StoreName = Annotated[str, StringConstraints(pattern=f"^{vault_layout.STORE}$")]
"""Name of a store, in one stack or recovery file: lower-case letters, digits and hyphens, at most 30."""

DeclaredStoreName = Annotated[StoreName, AfterValidator(_require_declarable)]
"""Name of a database or of a source of files."""


class Store(NamedTuple):
    """A store by its name, and what it is. Of another kind it is another store, even if the name is known."""

    kind: StoreKind
    name: StoreName

    def __str__(self) -> str:
        return self.name


STATE: Final = Store("state", "state")
"""The state of a stack. There is one."""


def choose_stores(known: tuple[Store, ...], name: str | None, *, place: str) -> tuple[Store, ...]:
    """
    Return the stores that an option names: all for None or `all`.

    Args:
        known: The stores that there are.
        name: The name, as it was given.
        place: Where they are named, for the message.

    Raises:
        Failure: there is no store of this name.
    """
    chosen = tuple(store for store in known if name in {None, "all", store.name})
    if name not in {None, "all"} and not chosen:
        raise Failure(f"{place} names no store {name}.", f"choose one of these: {list_names(known)}.")
    return chosen


def list_names(stores: tuple[Store, ...]) -> str:
    """Return the names of stores for a message."""
    return ", ".join(dict.fromkeys(store.name for store in stores)) or "there is none"
