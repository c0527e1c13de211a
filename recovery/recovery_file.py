"""
The recovery file: one document that names stores and vaults, and where each secret comes from.

With it every command of recovery runs without a stack, for any PostgreSQL and any S3 service.
docs/recovery.md describes it; `python -m recovery.recovery_file > docs/recovery.schema.json` generates its
JSON Schema.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from core import vault_layout
from core.documents import DocumentError, parse_yaml, read_file
from core.failure import Failure
from core.field_descriptions import describe_fields
from core.s3_endpoint import is_aws
from core.text import printable
from recovery.age import require_recipient
from recovery.attestation import require_public_key
from recovery.issuer_keys import parse_key
from recovery.postgres.connection import parse_url, requires_tls
from recovery.secret_reference import SecretReference
from recovery.store import DeclaredStoreName, Store

JOBS: Final = ("proof", "drill", "elsewhere")
"""Jobs that are reported, beside the backup of each store: verification, drill, copy to another cloud."""

JobName = Annotated[str, StringConstraints(pattern=f"^{vault_layout.STORE}$")]
"""Name of a job whose runs are reported: that of the store that it backs up, or one of `JOBS`."""

_MAX_BYTES: Final = 256 << 10
_LOOPBACK: Final = frozenset(("", "localhost", "127.0.0.1", "::1"))
_SCHEMES: Final = frozenset(("postgres", "postgresql"))
_NEXT_STEP: Final = "correct the file; docs/recovery.md describes every key."


def _require_database_url(url: str) -> str:
    """Return the URL, or raise ValueError; no message quotes it, because it may hold a password."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError("is no address of a database; write postgresql://user@host:port/name")
    try:
        parameters = parse_url(url)
    except Failure:
        raise ValueError("is no address that PostgreSQL understands; write odd characters as %XX") from None
    if any(name in parameters for name in ("password", "sslpassword")):
        raise ValueError("has a password in it; leave it out, and name its source in `password`")
    hosts = [host for key in ("host", "hostaddr") for host in parameters.get(key, "").split(",")]
    if not all(host in _LOOPBACK or host.startswith("/") for host in hosts) and not requires_tls(url):
        raise ValueError("allows a connection without TLS; end it with ?sslmode=verify-full")
    return url


def _require_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.password or parts.query:
        raise ValueError("is no address of a service; write https://host, without a user or a query")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("has no TLS; write https://host")
    return url


def _require_issuer_key(key: dict[str, str]) -> dict[str, str]:
    try:
        if not parse_key(key).kid:
            raise ValueError("has no `kid`")
    except Failure:
        raise ValueError("is no public JSON Web Key") from None
    return key


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
ServiceEndpoint = Annotated[str, AfterValidator(_require_endpoint)]
Bucket = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
AtLeastOne = Annotated[int, Field(ge=1)]


class RecoveryFileModel(BaseModel):
    """Part of a recovery file: frozen, strict, and without unknown keys."""

    # Built when a file is read: most commands load this module and read none.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class KeyReference(RecoveryFileModel):
    """Where the access key of an S3 service comes from."""

    access_key_id: SecretReference
    secret_access_key: SecretReference
    session_token: SecretReference | None = None
    """Of temporary credentials."""


class DrillAssertion(RecoveryFileModel):
    """A condition that recovered data must meet."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    sql: Text
    """A query that returns one value."""

    expected: str | int | bool


class DrillApplication(RecoveryFileModel):
    """The program that a drill starts on the recovered database."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """Program and arguments, without a shell; `{port}` stands for a free port."""

    health: Annotated[str, StringConstraints(pattern=r"^http://127\.0\.0\.1:\{port\}/.*$")]
    """Answers 200 when the program works."""

    database_variable: Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")] = "DATABASE_URL"
    """Environment variable that gives the program the address of the recovered database."""

    ready_within_seconds: AtLeastOne = 120


class DrillTests(RecoveryFileModel):
    """What a drill tests in a recovered database. What is left out is not tested; the evidence says so."""

    application_role: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$")] | None = None
    """Role that runs the queries below, and that the application connects as; else the owner."""

    newest_change: Text | None = None
    """A query that returns the time of the newest change. Without it the loss counts from the snapshot."""

    assertions: tuple[DrillAssertion, ...] = ()
    write: Text | None = None
    """A statement that writes rows; it is rolled back."""

    application: DrillApplication | None = None


class RecoveryObjectives(RecoveryFileModel):
    """How fast everything must be back, and how much may be lost."""

    recovery_time_minutes: AtLeastOne = 60
    """Until everything is restored and compared."""

    critical_recovery_time_minutes: AtLeastOne = 15
    """Until the first query is answered, and until the application is healthy."""

    independent_recovery_point_hours: AtLeastOne = 27
    """Age of the newest change that comes back from the vault."""


class PostgresStore(RecoveryFileModel):
    """A PostgreSQL database, at any vendor."""

    type: Literal["postgres"]
    url: Annotated[str, AfterValidator(_require_database_url)]
    """`postgresql://user@host:port/name` of the server itself, not of a pooler, without a password. Any
    server but one on this machine needs `sslmode=verify-full`, `verify-ca` or `require`."""

    password: SecretReference | None = None
    """Left out where the server asks for none, or ~/.pgpass has it."""

    project: Text | None = None
    """Id of its project at Neon, whose history a drill of a stack branches."""

    connections: Annotated[int, Field(ge=1, le=64)] | None = None
    """The most connections that read rows during a backup; left out: two, and one on a machine with one core.
    It is never more than half of those that the server has free."""

    drill: DrillTests = Field(default_factory=DrillTests)
    objectives: RecoveryObjectives | None = None
    """What holds for it in place of the file's objectives, as far as it is given."""


class InventoryReference(RecoveryFileModel):
    """Where S3 Inventory writes the lists of a store's buckets, in CSV, read with the store's key."""

    bucket: Bucket
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    """That of the inventory's configuration, the same for each of the store's buckets."""

    prefix: Text | None = None
    """Of the inventory's configuration; left out where it has none."""


class S3Store(RecoveryFileModel):
    """Buckets of files at an S3 service. They are only read."""

    type: Literal["s3"]
    endpoint: ServiceEndpoint | None = None
    """Address of the S3 service; left out for AWS."""

    region: Region
    buckets: Annotated[tuple[Bucket, ...], Field(min_length=1)]
    """Each is backed up whole."""

    inventory: InventoryReference | None = None
    """What is read in place of S3's listing of the buckets, for many millions of objects at AWS."""

    credentials: KeyReference
    objectives: RecoveryObjectives | None = None
    """What holds for it in place of the file's objectives, as far as it is given."""

    @model_validator(mode="after")
    def _require_aws(self) -> Self:
        if self.inventory and self.endpoint and not is_aws(self.endpoint):
            raise ValueError("has an inventory, which only S3 of AWS writes; leave `inventory` out")
        return self


NamedStore = Annotated[PostgresStore | S3Store, Field(discriminator="type")]
"""What is backed up under one name."""

_STORE_TYPES: Final = ("postgres", "s3")


class VaultAddress(RecoveryFileModel):
    """A vault: a bucket for backups, with versions and Object Lock."""

    bucket: Bucket
    region: Region
    endpoint: ServiceEndpoint | None = None
    """Address of the S3 service; left out for AWS."""

    credentials: KeyReference | None = None
    """Left out for those of the environment, such as AWS_ACCESS_KEY_ID or a profile."""

    role: Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::\d{12}:role/.+$")] | None = None
    """Role of the vault's own account that reads it, where that is another account than that of the
    environment's credentials. A job at GitHub takes it on with its OIDC token."""

    profile: Text | None = None
    """AWS profile that signs in to the vault's account, where this is no such job. Without a profile of that
    name it is the environment's credentials."""

    writer_credentials: KeyReference | None = None
    """Credentials that write backups, where `credentials` can only read; else `credentials` do both."""

    accept_without_versions: bool = False
    """Use the vault even if it keeps no versions. Each run warns of it."""

    accept_without_lock: bool = False
    """Use the vault even if it locks nothing. Each run warns of it."""


class ElsewhereAddress(RecoveryFileModel):
    """A vault at another cloud, with Object Lock, for encrypted copies of the backups."""

    bucket: Bucket
    region: Region
    endpoint: ServiceEndpoint | None = None
    """Address of the S3 service; left out for AWS."""

    credentials: KeyReference | None = None
    """A key that reads and adds objects. Left out for those of the environment."""

    recipients: tuple[Annotated[str, AfterValidator(require_recipient)], ...] = ()
    """Public keys that copies are encrypted to, as age-keygen prints them: `age1...`. Only `copy` needs
    them."""

    lock_days: AtLeastOne = 30
    """How long each copy is locked in mode COMPLIANCE. Backups that are older are not copied."""


class RecoveryVaults(RecoveryFileModel):
    """The vault that backups are written to, and the copies of it. One of them is enough to restore."""

    primary: VaultAddress | None = None
    replica: VaultAddress | None = None
    """A copy of the primary vault, which the S3 service makes; it is only read."""

    elsewhere: ElsewhereAddress | None = None
    """Encrypted copies of the backups at another cloud, which `./bulwark copy` makes."""

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if not (self.primary or self.replica or self.elsewhere):
            raise ValueError("names no vault; name `primary`, `replica` or `elsewhere`")
        return self


class MonitorReference(RecoveryFileModel):
    """Where the addresses of a job's monitors come from. Whoever knows one can silence an alarm."""

    heartbeat: SecretReference | None = None
    """URL that is called after each success."""

    checkin: SecretReference | None = None
    """URL that is called at each start and end, with `status` and `check_in_id`, as Sentry's crons are."""


class IssuerSubjects(RecoveryFileModel):
    """The subjects (claim `sub`) of the jobs that an OIDC issuer attests for."""

    backup: Text
    """Of the job that backs up, such as `repo:OWNER/NAME:environment:backup`."""

    restore: Text
    """Of the job that restores and verifies."""

    state: Text | None = None
    """Of the job that backs up a stack's state; what the job `backup` attested counts as well."""

    drills: tuple[Text, ...] = ()
    """Of the jobs that drill; what the job `restore` attested counts as well."""

    elsewhere: Text | None = None
    """Of the job that copies backups elsewhere; what the job `restore` attested counts as well."""


class TrustedIssuer(RecoveryFileModel):
    """An OIDC issuer, such as GitHub's, by the keys that the vault has recorded or that it publishes."""

    url: Annotated[str, AfterValidator(_require_endpoint)]
    subjects: IssuerSubjects
    keys: tuple[Annotated[dict[str, str], AfterValidator(_require_issuer_key)], ...] = ()
    """Its public keys as JSON Web Keys (RFC 7517), which count where neither the vault nor the issuer has
    them: the vault elsewhere records none, and an issuer no longer publishes what it has replaced."""


class TrustedWriters(RecoveryFileModel):
    """Whose attestations count. Whoever can write to the vault could plant a backup; nobody can attest it."""

    operators: tuple[Annotated[str, AfterValidator(require_public_key)], ...] = ()
    """Public keys, each as `ssh-keygen -t ed25519` writes it: `ssh-ed25519 AAAA...`."""

    issuer: TrustedIssuer | None = None
    unattested: Literal["accept"] | None = None
    """`accept`: what has no attestation counts as well. Each run warns of it."""

    @model_validator(mode="after")
    def _require_someone(self) -> Self:
        if not (self.operators or self.issuer or self.unattested):
            raise ValueError("trusts nobody; name `operators`, an `issuer`, or `unattested: accept`")
        return self


class AttestingKey(RecoveryFileModel):
    """The operator's key that attests what a run writes."""

    key: SecretReference
    """The private key's file (`file`), without a passphrase."""

    @model_validator(mode="after")
    def _require_file(self) -> Self:
        if self.key.file is None:
            raise ValueError("is a file: {key: {file: PATH}}")
        return self


class RecoveryFile(RecoveryFileModel):
    """A recovery file."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    """Name of what is protected; for the vault of a stack the stack's name. Backups and evidence have it."""

    environment: Literal["production", "staging", "local", "drill"] = "production"
    stores: dict[DeclaredStoreName, NamedStore] = {}
    """
    Name -> what is backed up. The backups of a store are found by its name, so that another name begins anew.

    The state of a stack is not among them, because there is no stack.
    """

    objectives: RecoveryObjectives = Field(default_factory=RecoveryObjectives)
    vaults: RecoveryVaults
    trust: TrustedWriters
    attest: AttestingKey | None = None
    """Left out in a job of GitHub Actions, whose OIDC token attests, and where BULWARK_ATTESTATION_KEY names
    the key's file."""

    monitors: dict[JobName, MonitorReference] = {}
    """
    Job -> its monitors.

    A job is the backup of a store, by the store's name; `proof`, the verification of backups; `drill`; or
    `elsewhere`, the copy to another cloud.
    """

    @field_validator("monitors")
    @classmethod
    def _require_known_jobs(
        cls, monitors: dict[str, MonitorReference], info: ValidationInfo
    ) -> dict[str, MonitorReference]:
        known = (*info.data.get("stores", monitors), *JOBS)
        if unknown := [job for job in monitors if job not in known]:
            raise ValueError(f"names {unknown[0]}, which is no store; it can name {', '.join(known)}")
        return monitors

    def objectives_of(self, store: str) -> RecoveryObjectives:
        """Return the objectives of a store: its own and, for the rest, the file's."""
        own = self.stores[store].objectives if store in self.stores else None
        return (
            self.objectives.model_copy(update=own.model_dump(exclude_unset=True)) if own else self.objectives
        )

    @property
    def named_stores(self) -> tuple[Store, ...]:
        """The stores that the file names, in its order."""
        return tuple(
            Store("database" if isinstance(store, PostgresStore) else "files", name)
            for name, store in self.stores.items()
        )


def read_recovery_file(path: Path) -> RecoveryFile:
    """
    Read a recovery file, in YAML or JSON.

    Raises:
        Failure: it can't be read; names everything that is wrong with it, and quotes no value.
    """
    try:
        content = parse_yaml(read_file(path, max_bytes=_MAX_BYTES))
    except OSError as error:
        raise Failure(
            f"The recovery file {path} can't be read: {error.strerror}.", "name one; see docs/recovery.md."
        ) from None
    except DocumentError as error:
        raise Failure(f"{path}: {error}.", _NEXT_STEP) from None
    try:
        # As JSON, strict mode takes a list for a tuple and still no text for a number.
        return RecoveryFile.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        problems = describe_problems(error)
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    raise Failure(f"{path} has {count}:", _NEXT_STEP, "\n".join(problems))


def list_variables(file: RecoveryFile) -> list[str]:
    """Return the names of the environment variables that a recovery file refers to, in its order."""
    return list(dict.fromkeys(_find_variables(file)))


def _find_variables(part: Any) -> Iterator[str]:
    match part:
        case SecretReference(env=str(name)):
            yield name
        case BaseModel():
            for key in type(part).model_fields:
                yield from _find_variables(getattr(part, key))
        case dict():
            for value in part.values():
                yield from _find_variables(value)
        case _:
            pass


def describe_problems(error: ValidationError) -> list[str]:
    """Return a line for each problem: the path of the key, and what is wrong, without its value."""
    lines: list[str] = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        path = printable(".".join(_list_steps(detail["loc"])))[:200]
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = "is no key of a recovery file"
        elif detail["type"] == "missing":
            message = "is missing"
        elif detail["type"] == "union_tag_not_found":
            message = f"has no `type`; it is one of {', '.join(_STORE_TYPES)}"
        elif detail["type"] == "union_tag_invalid":
            # Its own message quotes what is there.
            message = f"has another `type` than {', '.join(_STORE_TYPES)}"
        elif "[key]" in detail["loc"] and detail["type"] == "string_pattern_mismatch":
            message = "is no name: lower-case letters, digits and hyphens, at most 30, the first a letter"
        lines.append(f"{path or 'the document'}: {message}")
    return lines


def _list_steps(location: tuple[int | str, ...]) -> Iterator[str]:
    """Yield the keys on the way to a problem, without what pydantic puts between them."""
    for position, step in enumerate(location):
        is_type = step in _STORE_TYPES and position >= 2 and location[position - 2] == "stores"
        if step != "[key]" and not is_type:
            yield str(step)


def build_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recovery file."""
    describe_fields(SecretReference)
    describe_fields(RecoveryFileModel)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RecoveryFile.model_json_schema(),
    }


if __name__ == "__main__":
    json.dump(build_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
