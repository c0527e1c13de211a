"""The recovery file of a deployed stack: what recovers its stores and vaults without it."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from components.github_oidc import OIDC_ISSUER
from components.recovery_description import DeployedValues, describe_recovery
from engine.stack_target import StackTarget
from recovery.context import require_output
from recovery.issuer_keys import list_public_keys
from recovery.recovery_file import RecoveryFile, list_variables


def describe_stack(target: StackTarget, outputs: Mapping[str, Any]) -> RecoveryFile:
    """
    Return the recovery file of a stack. It names a variable for each secret.

    The vaults are used with the environment's credentials, as the stack's jobs do. The public keys of the
    jobs' issuer are in it, so that the copy elsewhere is believed when both vaults are gone.

    Args:
        target: The stack.
        outputs: Its outputs, secret ones in clear. No secret of them is in the result.

    Raises:
        Failure: the stack was never deployed, or the issuer does not give its public keys.
    """
    urls, sources = require_output(outputs, "database_urls"), require_output(outputs, "file_sources")
    values = DeployedValues(
        {name: target.reach_database(one["backup"]) for name, one in urls.items()},
        {name: {**one, "endpoint": target.reach_files(one["endpoint"])} for name, one in sources.items()},
        require_output(outputs, "heartbeat_urls"),
        require_output(outputs, "checkin_urls"),
        require_output(outputs, "database_projects"),
    )
    elsewhere = target.settings.vaults.elsewhere
    content = describe_recovery(
        target.settings,
        target.name,
        values,
        vault_endpoint=target.aws_endpoint,
        elsewhere=target.reach_elsewhere(elsewhere) if elsewhere else None,
    )
    content["trust"]["issuer"]["keys"] = list_public_keys(OIDC_ISSUER, target.fetch_issuer_keys())
    return RecoveryFile.model_validate_json(json.dumps(content))


def to_yaml(file: RecoveryFile) -> str:
    """Return a recovery file as YAML; its first lines name the variables that it refers to."""
    content = file.model_dump(mode="json", exclude_defaults=True)
    names = "".join(f"#   {name}\n" for name in list_variables(file))
    head = f"# The recovery file of the stack {file.name}; docs/recovery.md describes it. Its variables:\n"
    return head + names + yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)
