"""The recovery file of a stack, and the documents of its roles: what each role's job needs, and no more."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

from components.guard import REPLICA_DRILLER, REPLICA_RESTORER, role_arn
from components.settings import BackupSettings, ElsewhereSettings, Settings
from components.settings.backups import ELSEWHERE_KEY
from components.settings.platform import OIDC_ISSUER

RoleWithDocument = Literal["backup-writer", "driller", "copier"]
"""Role whose job needs a secret that only the stack's state knows. The other jobs need the settings alone."""

DOCUMENT_FORMAT: Final = "bulwark-role-1"
_DATABASE_PASSWORD: Final = "BULWARK_DATABASE_PASSWORD"  # noqa: S105 - the name of a variable
_FILES_KEY_ID: Final = "BULWARK_FILES_ACCESS_KEY_ID"
_FILES_SECRET: Final = "BULWARK_FILES_SECRET_ACCESS_KEY"  # noqa: S105 - as above
DATABASE: Final = "database"
FILES: Final = "files"
"""Names of a stack's stores."""

_JOBS: Final = (DATABASE, FILES, "proof", "drill")


@dataclass(frozen=True)
class RoleNeeds:
    """What a role's job uses."""

    stores: Collection[str]
    """Names of the stores that it reads."""

    replica: bool
    jobs: Collection[str]
    """Jobs whose monitors it tells."""

    history: bool = False
    """Whether it branches the database's history."""


NEEDS: Final[Mapping[RoleWithDocument, RoleNeeds]] = {
    "backup-writer": RoleNeeds((DATABASE, FILES), replica=False, jobs=(DATABASE, FILES, "proof")),
    "driller": RoleNeeds((DATABASE,), replica=True, jobs=("drill",), history=True),
    "copier": RoleNeeds((), replica=False, jobs=("elsewhere",)),
}


def roles_with_documents(backups: BackupSettings) -> tuple[RoleWithDocument, ...]:
    """Return the roles of a stack that have a document. Without a copy elsewhere nobody copies."""
    return tuple(role for role in NEEDS if role != "copier" or backups.elsewhere)


def document_name(platform: str, role: str) -> str:
    """Return the name of a role's secret."""
    return f"{platform}/jobs/{role}"


def documents_key_alias(platform: str) -> str:
    """Return the alias of the key that encrypts the roles' secrets."""
    return f"alias/{platform}-jobs"


@dataclass(frozen=True)
class DeployedValues:
    """What only the state of a deployed stack knows."""

    database_url: str = field(repr=False)
    """Of the backup role, with its password."""

    files: Mapping[str, Any] = field(repr=False)
    """The output `files_source`."""

    heartbeat_urls: Mapping[str, str] = field(repr=False)
    checkin_urls: Mapping[str, str] = field(repr=False)
    database_project: str
    """Id of the database's project at its vendor."""


def describe_recovery(
    settings: Settings,
    stack: str,
    values: DeployedValues,
    *,
    vault_endpoint: str | None = None,
    elsewhere: ElsewhereSettings | None = None,
) -> dict[str, Any]:
    """Return the whole recovery file of a stack. It names a variable for each secret, and holds none."""
    backups, files, platform = settings.vaults, values.files, settings.platform
    endpoint = {"endpoint": vault_endpoint} if vault_endpoint else {}
    return {
        "name": stack,
        "environment": platform.environment,
        "stores": {
            DATABASE: {
                "type": "postgres",
                "url": _without_password(values.database_url),
                "password": {"env": _DATABASE_PASSWORD},
                "drill": _drill_tests(settings),
            },
            FILES: {
                "type": "s3",
                "endpoint": files["endpoint"],
                "region": files["region"],
                "buckets": files["buckets"],
                "credentials": {
                    "access_key_id": {"env": _FILES_KEY_ID},
                    "secret_access_key": {"env": _FILES_SECRET},
                },
            },
        },
        "vaults": {
            "primary": {"bucket": backups.vault(platform.name), "region": backups.region, **endpoint},
            "replica": {
                "bucket": backups.vault_replica(platform.name),
                "region": backups.replica.region,
                **endpoint,
                **_describe_access(settings, REPLICA_RESTORER),
            },
            **({"elsewhere": _describe_elsewhere(elsewhere)} if elsewhere else {}),
        },
        "trust": {
            "operators": list(backups.operator_keys),
            "issuer": {
                "url": OIDC_ISSUER,
                "subjects": {
                    "backup": platform.subject(backups.backup_environment),
                    "restore": platform.subject(backups.restore_environment),
                    "state": platform.subject(backups.state_environment),
                    "drills": [platform.subject(name) for name in backups.drill_environments],
                    **(
                        {"elsewhere": platform.subject(backups.copy_environment)} if backups.elsewhere else {}
                    ),
                },
            },
        },
        "monitors": {
            job: {
                kind: {"env": _monitor_variable(job, kind)}
                for kind, urls in (
                    ("heartbeat", values.heartbeat_urls),
                    ("checkin", values.checkin_urls),
                )
                if job in urls
            }
            for job in (*_JOBS, *(("elsewhere",) if settings.vaults.elsewhere else ()))
        },
        "objectives": _objectives(settings),
    }


def describe_role(
    settings: Settings, stack: str, role: RoleWithDocument, values: DeployedValues
) -> dict[str, Any]:
    """
    Return the document of a role (recovery/role_document.py): its recovery file, and the secrets in clear.

    What a drill asks of the data is not in it: the settings say that, and it may be long.
    """
    needs, whole = NEEDS[role], describe_recovery(settings, stack, values)
    recovery = {
        **{key: whole[key] for key in ("name", "environment", "trust")},
        "stores": {store: _cut_store(whole["stores"][store], needs, values) for store in needs.stores},
        "vaults": {
            name: {**vault, **(_describe_access(settings, REPLICA_DRILLER) if name == "replica" else {})}
            for name, vault in whole["vaults"].items()
            if name == "primary" or needs.replica
        },
        "monitors": {job: whole["monitors"][job] for job in needs.jobs},
    }
    secrets = {
        name: secret
        for job in needs.jobs
        for name, secret in (
            (_monitor_variable(job, "heartbeat"), values.heartbeat_urls.get(job)),
            (_monitor_variable(job, "checkin"), values.checkin_urls.get(job)),
        )
        if secret
    }
    if DATABASE in needs.stores:
        secrets[_DATABASE_PASSWORD] = unquote(urlsplit(values.database_url).password or "")
    if FILES in needs.stores:
        secrets[_FILES_KEY_ID] = values.files["access_key_id"]
        secrets[_FILES_SECRET] = values.files["secret_access_key"]
    return {"format": DOCUMENT_FORMAT, "role": role, "recovery": recovery, "secrets": secrets}


def _cut_store(store: Mapping[str, Any], needs: RoleNeeds, values: DeployedValues) -> dict[str, Any]:
    """Return what a role's job needs to know of a store."""
    history = {"project": values.database_project} if needs.history else {}
    return {**{key: value for key, value in store.items() if key != "drill"}, **history}


def _describe_access(settings: Settings, role: str) -> dict[str, str]:
    """Return how a role reaches the replica's account; nothing where it is that of the primary vault."""
    backups = settings.vaults
    if not backups.has_second_account:
        return {}
    return {
        "role": role_arn(settings.platform.name, backups.replica_account, role),
        "profile": backups.replica.profile or "",
    }


def _describe_elsewhere(elsewhere: ElsewhereSettings) -> dict[str, Any]:
    key_id, secret = ELSEWHERE_KEY
    return {
        "bucket": elsewhere.bucket,
        "region": elsewhere.region,
        "endpoint": elsewhere.endpoint,
        "credentials": {"access_key_id": {"env": key_id}, "secret_access_key": {"env": secret}},
        "recipients": list(elsewhere.recipients),
        "lock_days": elsewhere.lock_days,
    }


def _monitor_variable(job: str, kind: str) -> str:
    return f"BULWARK_{job.upper()}_{kind.upper()}_URL"


def _objectives(settings: Settings) -> dict[str, int]:
    names = ("recovery_time_minutes", "critical_recovery_time_minutes", "independent_recovery_point_hours")
    return {name: getattr(settings.platform.objectives, name) for name in names}


def _drill_tests(settings: Settings) -> dict[str, Any]:
    drill = settings.drill
    return {
        "application_role": settings.database.application_role,
        "newest_change": drill.newest_change,
        "assertions": [assertion.model_dump(mode="json") for assertion in drill.assertions],
        "write": drill.write,
        "application": drill.application.model_dump(mode="json"),
    }


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}@{host}").geturl()
