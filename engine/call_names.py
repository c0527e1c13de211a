"""What the words of the drill's destructive calls stand for, by a stack's settings."""

from collections.abc import Mapping
from string import Template
from typing import Any

from components.document_names import document_name
from components.guard import BREAK_GLASS, DEPLOYER, RESTORER, WRITER, boundary_arn, role_arn
from components.settings import Settings
from components.vault_names import VaultNames
from core.failure import Failure

CallNames = Mapping[str, Any]
"""What words such as `$bucket` of a call stand for; a kind of objects has a list."""


def find_vault(settings: Settings, target: str) -> VaultNames:
    """Return the vault that the calls on `primary vault`, or else those on `replica`, are about."""
    primary, replica = settings.vaults.name_vaults(settings.platform.name)
    return primary if target == "primary vault" else replica


def name_vault(vault: VaultNames, key: str) -> CallNames:
    """Return the names of a vault; `key` is the id of its key, which no setting says."""
    return {
        "region": vault.region,
        "bucket": vault.bucket,
        "bucket_arn": vault.arn,
        "alias": vault.key_alias,
        # As another account names it.
        "key": vault.keys_arn.replace("*", key),
        "key_arn": vault.keys_arn.replace("*", key),
    }


def find_key_id(kms: Any, vault: VaultNames) -> str:
    """Return the id of a vault's key by its alias. Raises botocore's errors; Failure where there is none."""
    for page in kms.get_paginator("list_aliases").paginate():
        for alias in page["Aliases"]:
            if alias["AliasName"] == vault.key_alias:
                return str(alias["TargetKeyId"])
    raise Failure(f"No key in {vault.region} is called {vault.key_alias}.", "deploy the stack: ./bulwark up.")


def name_roles(settings: Settings) -> CallNames:
    """Return the names of the roles of the primary account, and of the writer's document."""
    platform, account = settings.platform.name, settings.vaults.account
    names: dict[str, str] = {}
    for word, role in (("writer", WRITER), ("restorer", RESTORER), ("deployer", DEPLOYER)):
        names |= {word: f"{platform}-{role}", f"{word}_arn": role_arn(platform, account, role)}
    secret = document_name(platform, WRITER)
    return {
        **names,
        "restorer_policy": RESTORER,
        "boundary": boundary_arn(platform, account),
        "break_glass": f"{platform}-{BREAK_GLASS}",
        "break_glass_arn": role_arn(platform, account, BREAK_GLASS),
        "secret": secret,
        # AWS ends the ARN with six characters of its own.
        "secret_arn": f"arn:aws:secretsmanager:{settings.vaults.region}:{account}:secret:{secret}-AAAAAA",
    }


def fill(value: Any, names: CallNames) -> Any:
    """Return a call's parameters with the names of its target in place of the words."""
    match value:
        case str() if value.startswith("$") and value[1:] in names:
            return names[value[1:]]
        case str():
            return Template(value).safe_substitute(names)
        case dict():
            return {key: fill(part, names) for key, part in value.items()}
        case list():
            return [fill(part, names) for part in value]
        case _:
            return value
