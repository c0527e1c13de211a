"""What is backed up: any number of databases and of sources of files, each with its backup and its drill."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints

from components.settings import database, drill, files
from components.settings.backups import Job
from components.settings.database import DatabaseSettings, RoleName
from components.settings.drill import DatabaseDrill
from components.settings.files import FileSettings
from components.settings.model import AwsRegion, Origin, Positive, SettingsModel, Slug
from components.settings.platform import StoreObjectives
from core.s3_endpoint import is_aws

_RESERVED: Final = frozenset(("all", "drill", "elsewhere", "proof", "state"))
"""What no store can be called: the state of a stack, an option, and other jobs (recovery/store.py)."""


_PREFIXES: Final = frozenset(("alerting", "backups", "errors", "host", "job", "uptime"))
"""With these begin the names of other resources."""


def _require_own_name(name: str) -> str:
    if name.partition("-")[0] in _PREFIXES:
        raise ValueError(f"begins as other resources do: {', '.join(sorted(_PREFIXES))}")
    if name in _RESERVED:
        raise ValueError(f"is reserved, as {', '.join(sorted(_RESERVED - {name}))} are")
    return name


SettingsStoreName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,29}$"), AfterValidator(_require_own_name)
]
"""Lower-case letters, digits and hyphens, at most 30; backups, jobs and reports have it."""


class DatabaseJob(Job):
    """The backup of a database."""

    connections: Annotated[int, Field(ge=1, le=64)] | None = None
    """
    The most connections that read rows at the same time; None: two, and one on a machine with one core.

    It is never more than half of those that the server has free.
    """


class NeonSettings(DatabaseSettings):
    """A database at Neon, which this stack declares."""

    type: Literal["neon"]
    backup: DatabaseJob
    objectives: StoreObjectives | None = None
    """What holds for it in place of the platform's objectives; the policies have limits of their own."""

    drill: DatabaseDrill | None = None
    disposable: bool = False
    """Whether a drill of another stack may replace all data by a backup that it restores."""


class PostgresSettings(SettingsModel):
    """
    A database on any PostgreSQL server, which exists already.

    Its address, of the role that backs up, is the secret `<store>_url`.
    """

    type: Literal["postgres"]
    vendor: Slug
    """Whose service it is, such as supabase, railway or aws."""

    cloud: Slug | None = None
    """Whose machines it runs on, where that is not the vendor's."""

    account: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    """The vendor's name of the account or project."""

    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
    """The cloud's name of its region."""

    history_hours: Positive | None = None
    """How far back its vendor can restore it; None: not at all."""

    application_role: RoleName | None = None
    """Role that the queries of a drill run as; None: the owner."""

    backup: DatabaseJob
    objectives: StoreObjectives | None = None
    """What holds for it in place of the platform's objectives; the policies have limits of their own."""

    drill: DatabaseDrill | None = None
    disposable: bool = False
    """Whether a drill of another stack may replace all data by a backup that it restores."""


class SupabaseSettings(FileSettings):
    """Buckets of Supabase Storage, which exist already. Their keys are secrets `<store>_...`."""

    type: Literal["supabase"]
    backup: Job
    objectives: StoreObjectives | None = None
    """What holds for it in place of the platform's objectives; the policies have limits of their own."""


class InventorySettings(SettingsModel):
    """Where S3 Inventory writes the lists of a store's buckets, in CSV, read with the store's key."""

    bucket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{2,62}$")]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    """That of the inventory's configuration, the same for each of the store's buckets."""

    prefix: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    """Of the inventory's configuration; left out where it has none."""


class S3Settings(SettingsModel):
    """
    Buckets of any S3 service, which exist already.

    Their key is the secrets `<store>_access_key_id` and `<store>_secret_access_key`.
    """

    type: Literal["s3"]
    vendor: Slug
    """Whose service it is, such as aws or cloudflare."""

    account: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    endpoint: Origin
    region: AwsRegion | Literal["auto"]
    buckets: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{2,62}$")], ...],
        Field(min_length=1),
    ]
    """Each is backed up whole."""

    inventory: InventorySettings | None = None
    """What is read in place of S3's listing of the buckets, for many millions of objects at AWS."""

    backup: Job
    objectives: StoreObjectives | None = None
    """What holds for it in place of the platform's objectives; the policies have limits of their own."""


DatabaseStore = NeonSettings | PostgresSettings
FileStore = SupabaseSettings | S3Settings
_AnyStore = Annotated[
    NeonSettings | PostgresSettings | SupabaseSettings | S3Settings, Field(discriminator="type")
]
StoresByName = dict[SettingsStoreName, _AnyStore]
"""The block `bulwark:stores`: name -> store."""


def rules(stores: Mapping[str, DatabaseStore | FileStore]) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    problems = [
        (f"{name}.{path}", text) for name, store in stores.items() for path, text in _find_problems(store)
    ]
    projects: dict[tuple[str, str], str] = {}
    for name, store in sorted(stores.items()):
        if isinstance(store, NeonSettings):
            other = projects.setdefault((store.organization, store.project), name)
            if other != name:
                problems.append((f"{name}.project", f"{store.project}; is the project of {other} too"))
    return problems


def _find_problems(store: DatabaseStore | FileStore) -> Iterator[tuple[str, str]]:
    match store:
        case NeonSettings():
            yield from database.rules(store)
        case SupabaseSettings():
            yield from files.rules(store)
        case S3Settings():
            if len(set(store.buckets)) < len(store.buckets):
                yield "buckets", "names a bucket twice"
            if store.inventory and not is_aws(store.endpoint):
                yield "inventory", "is written by S3 of AWS alone; leave it out"
        case PostgresSettings():
            if store.drill and store.drill.organization:
                yield "drill.organization", "is of Neon; this database is restored on the drill's machine"
    if isinstance(store, NeonSettings | PostgresSettings) and store.drill:
        yield from ((f"drill.{path}", text) for path, text in drill.rules(store.drill))
