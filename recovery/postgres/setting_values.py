"""Stored settings as ALTER ... SET takes them."""

import re
from collections.abc import Iterable
from typing import Final

from psycopg import sql

_LISTS: Final = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
"""Settings whose stored value is a list of quoted names. Source: variable_is_guc_list_quote."""

_ITEM: Final = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",\s]+))\s*(?:,|$)')


def setting_values(name: str, value: str) -> Iterable[sql.Literal]:
    """Take a value as it is stored apart: a list given as one text would be taken for one long name."""
    if name.lower() not in _LISTS:
        return [sql.Literal(value)]
    items = [quoted.replace('""', '"') or plain for quoted, plain in _ITEM.findall(value)]
    return [sql.Literal(item) for item in items or [""]]
