"""The recovery file of a deployed stack: what recovers its stores and vaults without it."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from cli.recovery_context import find_trust
from engine.stack_target import StackTarget
from recovery.context import require_output
from recovery.recovery_file import RecoveryFile, list_variables

_DATABASE_PASSWORD: Final = "BULWARK_DATABASE_PASSWORD"  # noqa: S105 - the name of a variable
_FILES_KEY: Final = {
    "access_key_id": {"env": "BULWARK_FILES_ACCESS_KEY_ID"},
    "secret_access_key": {"env": "BULWARK_FILES_SECRET_ACCESS_KEY"},
}


def describe_stack(target: StackTarget, outputs: Mapping[str, Any]) -> RecoveryFile:
    """
    Return the recovery file of a stack. It names a variable for each secret.

    The vaults are used with the environment's credentials, as the stack's jobs do.

    Args:
        target: The stack.
        outputs: Its outputs, secret ones in clear. No secret of them is in the result.

    Raises:
        Failure: the stack was never deployed.
    """
    backups, files = target.settings.backups, require_output(outputs, "files_source")
    trust = find_trust(target)
    endpoint = {"endpoint": target.aws_endpoint} if target.aws_endpoint else {}
    content = {
        "name": target.name,
        "environment": target.settings.platform.environment,
        "stores": {
            "database": {
                "url": _without_password(
                    target.reach_database(require_output(outputs, "backup_database_url"))
                ),
                "password": {"env": _DATABASE_PASSWORD},
            },
            "files": {
                "endpoint": target.reach_files(files["endpoint"]),
                "region": files["region"],
                "buckets": files["buckets"],
                "credentials": _FILES_KEY,
            },
        },
        "vaults": {
            "primary": {
                "bucket": require_output(outputs, "vault"),
                "region": backups.region,
                **endpoint,
            },
            "replica": {
                "bucket": require_output(outputs, "vault_replica"),
                "region": backups.replica.region,
                **endpoint,
            },
        },
        "trust": {
            "operators": trust.operator_keys,
            "issuer": {"url": trust.issuer, "subjects": dict(trust.subjects)},
        },
        "monitors": {
            job: {
                kind: {"env": f"BULWARK_{job.upper()}_{kind.upper()}_URL"}
                for kind in ("heartbeat", "checkin")
                if job in require_output(outputs, f"{kind}_urls")
            }
            for job in ("database", "files", "proof", "drill")
        },
        "drill": _drill_tests(target),
    }
    return RecoveryFile.model_validate_json(json.dumps(content))


def to_yaml(file: RecoveryFile) -> str:
    """Return a recovery file as YAML; its first lines name the variables that it refers to."""
    content = file.model_dump(mode="json", exclude_defaults=True)
    names = "".join(f"#   {name}\n" for name in list_variables(file))
    head = f"# The recovery file of the stack {file.name}; docs/recovery.md describes it. Its variables:\n"
    return head + names + yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)


def _drill_tests(target: StackTarget) -> dict[str, Any]:
    objectives, drill = target.settings.platform.objectives, target.settings.drill
    names = ("recovery_time_minutes", "critical_recovery_time_minutes", "independent_recovery_point_hours")
    return {
        "objectives": {name: getattr(objectives, name) for name in names},
        "application_role": target.settings.database.application_role,
        "newest_change": drill.newest_change,
        "assertions": [assertion.model_dump(mode="json") for assertion in drill.assertions],
        "write": drill.write,
        "application": drill.application.model_dump(mode="json"),
    }


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}@{host}").geturl()
