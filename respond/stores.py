"""The databases of a stack as a response reaches them: as their owner, and with the proof which they are."""

import os
from urllib.parse import urlsplit

from components.secrets import variable
from components.settings import NeonSettings
from components.settings.stores import DatabaseStore
from core.failure import Failure
from recovery.context import require_output
from recovery.postgres.connection import is_same_database, parse_url
from respond.step import RespondContext, TargetProof, choose_target


def find_database(context: RespondContext, store: str) -> DatabaseStore:
    """Return the settings of a database. Raise Failure if there is none of this name."""
    return context.target.settings.databases[
        choose_target("database", store, context.target.settings.databases)
    ]


def find_neon_database(context: RespondContext, store: str) -> NeonSettings:
    """Return the settings of a database at Neon. Raise Failure if it is none."""
    known = context.target.settings.neon
    return known[choose_target("database at Neon", store, known)]


def owner_variable(store: str) -> str:
    """Return the environment variable with the address of a database that the stack did not make."""
    return variable(f"{store}_owner_url")


def owner_url(context: RespondContext, store: str) -> str:
    """
    Return the address of a database for its owner, with the password.

    The stack knows it of a database that it made; of another one it is in the environment.

    Raises:
        Failure: it is not known.
    """
    urls = require_output(require_output(context.outputs, "database_urls"), store)
    url = urls.get("owner") or os.environ.get(owner_variable(store), "")
    if not url:
        raise Failure(
            f"The stack knows the role that backs {store} up, and no role that may change it.",
            f"set {owner_variable(store)} to the address of the database for its owner, with the password.",
        )
    return context.target.reach_database(url)


def backup_url(context: RespondContext, store: str) -> str:
    """Return the address of a database for the role that backs it up, with the password."""
    urls = require_output(require_output(context.outputs, "database_urls"), store)
    return context.target.reach_database(urls["backup"])


def prove_database(context: RespondContext, store: str) -> list[TargetProof]:
    """
    Return the proof that the owner's address leads to the database that is backed up.

    Names and addresses don't prove it: a branch and any other copy has the same ones.
    """
    owner, backup = owner_url(context, store), backup_url(context, store)
    declared = _describe(backup)
    same = is_same_database(backup, owner)
    return [TargetProof("database", declared, declared if same else f"another one, {_describe(owner)}")]


def _describe(url: str) -> str:
    return f"{parse_url(url).get('dbname', '')} at {urlsplit(url).netloc.rpartition('@')[2]}"
