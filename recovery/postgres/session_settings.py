"""Settings of the sessions that load an archive: those of the target's database and roles may hinder it."""

from collections.abc import Mapping
from typing import Final

from psycopg.conninfo import make_conninfo

from recovery.postgres.connection import connect, parse_url

_SETTINGS: Final[Mapping[str, str]] = {
    # Any of these ends the load half-way.
    "default_transaction_read_only": "off",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "lock_timeout": "0",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    # A policy must not hide rows from what is restored.
    "row_security": "off",
    # These change how the archive's statements and rows are read, or where and how objects are stored.
    "array_nulls": "on",
    "check_function_bodies": "off",
    "default_tablespace": "",
    "default_transaction_deferrable": "off",
    "default_transaction_isolation": "read committed",
    "quote_all_identifiers": "off",
    "transform_null_equals": "off",
}
_SINCE: Final = {"transaction_timeout": 170000}
"""Settings that servers before this version do not know."""


def load_session_url(url: str, *, role: str = "", search_path: str = "") -> str:
    """
    Return the address whose sessions have the settings that a load needs, whatever the target sets.

    Args:
        url: of the target.
        role: the role that the sessions act as; by default that of the URL.
        search_path: schemas in which names without one are found; by default the target's.
    """
    with connect(url) as connection:  # without a query, which a timeout of the target may end
        version = connection.info.server_version
    settings = {name: value for name, value in _SETTINGS.items() if version >= _SINCE.get(name, 0)}
    if search_path:
        settings["search_path"] = search_path
    if role:
        settings["role"] = role
    parameters = parse_url(url)
    options = " ".join(f"-c {name}={_escape(value)}" for name, value in settings.items())
    return make_conninfo(**{**parameters, "options": f"{parameters.get('options', '')} {options}".strip()})


def _escape(value: str) -> str:
    """Escape what separates options. Source: pg_split_opts."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
