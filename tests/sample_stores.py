"""The stores of the stacks in this repository."""

from typing import Final

from recovery.store import STATE, Store

STACK_DATABASE: Final = Store("database", "database")
STACK_FILES: Final = Store("files", "files")
STACK_STORES: Final = (STACK_DATABASE, STACK_FILES, STATE)
