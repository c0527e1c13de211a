"""The stores of a stack, as recovery knows them."""

from components.settings import Settings
from recovery.store import STATE, Store


def list_stores(settings: Settings) -> tuple[Store, ...]:
    """Return the databases, then the files, each in the order of their names, then the state."""
    return (
        *(Store("database", name) for name in settings.databases),
        *(Store("files", name) for name in settings.sources),
        STATE,
    )
