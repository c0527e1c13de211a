"""
What each job of the workflows can reach, compared with the table in docs/production.md.

It follows from the workflows, from the trust and the policies of the recorded preview of production, as the
twin evaluates them, and from what docs/production.md grants on the state's own bucket.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from components.settings import Settings
from engine.stack_file import load_settings, read
from twin.aws.policy import Decision, Principal, RequiredPermission, evaluate

CHECKOUT: Final = Path(__file__).resolve().parents[2]
WORKFLOWS: Final = CHECKOUT / ".github" / "workflows"
PAGE: Final = (CHECKOUT / "docs" / "production.md").read_text()
ACCOUNT: Final = "123456789012"
PLATFORM: Final = "example"
ISSUER: Final = "token.actions.githubusercontent.com"
REPOSITORY: Final = "repo:example@123456/platform@456789"
VAULTS: Final = {
    "vault": ("arn:aws:s3:::example-vault-123456789012-eu-west-1", "eu-west-1"),
    "replica": ("arn:aws:s3:::example-vault-123456789012-eu-north-1", "eu-north-1"),
}
PARTS: Final = {
    "database": "database/daily/1/dump.pgc.zst",
    "files": "files/objects/documents/a.pdf",
    "state": "state/1/state.json",
    "manifests": "database/daily/1/manifest.json",
    "evidence": "evidence/drills/a.json",
    "issuer's keys": "trust/issuer-keys/a.json",
}
"""Part of a vault -> a key in it."""


def stack_settings(stack: str) -> Settings:
    return load_settings(stack, read(stack))


@cache
def recorded() -> dict[str, dict[str, Any]]:
    """Return the inputs of production's resources, by name."""
    content = json.loads((CHECKOUT / "tests" / "policy" / "production.json").read_text())
    return {resource["name"]: resource.get("inputs", {}) for resource in content}


def session_of(role: str) -> Principal:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{PLATFORM}-{role}"
    return Principal(
        "AWS", arn, ACCOUNT, arn.replace(":iam:", ":sts:").replace("role/", "assumed-role/") + "/job"
    )


def may(role: str, action: str, resource: str, *resource_policies: str, **context: Any) -> bool:
    """Tell whether a role's policy and boundary allow an action, and no policy of what it is on denies it."""
    principal = session_of(role)
    asked = RequiredPermission(action, resource, {**principal.context, **context})
    own = recorded()[f"backups-identity-{role}-policy"]["policy"]
    boundary = recorded()["backups-administration-boundary"]["policy"]
    return (
        evaluate(own, asked, principal) is Decision.ALLOWED
        and evaluate(boundary, asked, principal) is Decision.ALLOWED
        and not any(evaluate(one, asked, principal) is Decision.DENIED for one in resource_policies)
    )


def may_use_key(role: str, action: str, owner: str, alias: str, service: str, **context: str) -> bool:
    region = service.split(".")[1]
    return may(
        role,
        action,
        f"arn:aws:kms:{region}:{ACCOUNT}:key/1",
        recorded()[f"{owner}-key"]["policy"],
        **{"kms:resourcealiases": (alias,), "kms:viaservice": f"{service}.amazonaws.com", **context},
    )


def list_parts(role: str, action: str, key_action: str, vault: str, **context: str) -> list[str]:
    """Return the parts of a vault on which a role may do both an action and one with the vault's key."""
    arn, region = VAULTS[vault]
    owner = "backups-vault" if vault == "vault" else "backups-replica"
    if not may_use_key(role, key_action, owner, f"alias/{PLATFORM}-vault-{region}", f"s3.{region}"):
        return []
    policy = recorded()[f"{owner}-policy"]["policy"]
    return [name for name, key in PARTS.items() if may(role, action, f"{arn}/{key}", policy, **context)]


def list_documents(role: str) -> list[str]:
    """Return the roles whose documents a role reads; ` (writes)` follows where it writes them, too."""
    found: list[str] = []
    for name, inputs in recorded().items():
        if not name.startswith("backups-documents-") or "recoveryWindowInDays" not in inputs:
            continue
        owner = name.removeprefix("backups-documents-")
        arn = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{inputs['name']}-AbCdEf"

        def allows(action: str, key_action: str, arn: str = arn, policy: str = inputs["policy"]) -> bool:
            return may(role, action, arn, policy) and may_use_key(
                role,
                key_action,
                "backups-documents",
                f"alias/{PLATFORM}-jobs",
                "secretsmanager.eu-west-1",
                **{"kms:encryptioncontext:secretarn": arn},
            )

        if allows("secretsmanager:GetSecretValue", "kms:Decrypt"):
            writes = allows("secretsmanager:PutSecretValue", "kms:GenerateDataKey")
            found.append(f"{owner} (writes)" if writes else owner)
    return found


def jobs(prefix: str = "", deploy: str = "production") -> dict[str, dict[str, Any]]:
    """
    Return the jobs of all workflows, by `<file>` and name, as the table writes them.

    Args:
        prefix: Begins the names of their environments, as of another stack that calls the workflows.
        deploy: The environment that deploys.
    """
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(WORKFLOWS.glob("*.yml")):
        text = file.read_text().replace("${{ inputs.prefix }}", prefix)
        text = text.replace("${{ inputs.environment || 'production' }}", deploy)
        for name, job in yaml.safe_load(text)["jobs"].items():
            if "uses" not in job:
                found[f"`{file.name}` {name}"] = job
    return found


def list_roles(job: dict[str, Any]) -> list[str]:
    """Return the roles that trust a job's OIDC token; a job without `id-token: write` gets none."""
    if job.get("permissions", {}).get("id-token") != "write" or "environment" not in job:
        return []
    caller = Principal("Federated", f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}", ACCOUNT)
    claims = {
        f"{ISSUER}:aud": "sts.amazonaws.com",
        f"{ISSUER}:sub": f"{REPOSITORY}:environment:{job['environment']}",
    }
    return [
        inputs["name"].removeprefix(f"{PLATFORM}-")
        for inputs in recorded().values()
        if "assumeRolePolicy" in inputs
        and evaluate(
            inputs["assumeRolePolicy"],
            RequiredPermission("sts:AssumeRoleWithWebIdentity", "*", dict(claims)),
            caller,
        ).allows
    ]


def reach_into_state(roles: list[str], secrets: Iterable[str]) -> str:
    """Return how a job can read the stack's state: by what section 4 grants its role, or by secrets."""
    granted: dict[str, bool] = {}
    grants = re.findall(r"^\| (`<platform>-.*?) \| `s3:ListBucket` \| .*? \| (.*?) \|$", PAGE, re.MULTILINE)
    for names, key in grants:
        granted |= dict.fromkeys(re.findall(r"-([a-z-]+)`", names), "kms:Decrypt" in key)
    opens = [granted[role] for role in roles if role in granted]
    if any(opens) or "PULUMI_CONFIG_PASSPHRASE" in secrets:
        return "everything"
    return "encrypted" if opens or "PULUMI_ACCESS_TOKEN" in secrets else "nothing"


def describe(job: dict[str, Any]) -> tuple[str, ...]:
    """Return a job's cells of the table."""
    roles = list_roles(job)
    secrets = sorted(set(re.findall(r"secrets\.(\w+)", yaml.safe_dump(job))))
    reads = {
        vault: [part for role in roles for part in list_parts(role, "s3:GetObject", "kms:Decrypt", vault)]
        for vault in VAULTS
    }
    adds = [
        part
        for role in roles
        for part in list_parts(
            role, "s3:PutObject", "kms:GenerateDataKey", "vault", **{"s3:if-none-match": "*"}
        )
    ]
    assert not any(list_parts(role, "s3:PutObject", "kms:GenerateDataKey", "replica") for role in roles)
    assert set(reads["replica"]) <= set(reads["vault"])
    both = " of both vaults" if reads["replica"] else ""
    return (
        job.get("environment", "none"),
        ", ".join(roles) or "none",
        (", ".join(reads["vault"]) or "nothing") + both,
        ", ".join(adds) or "nothing",
        ", ".join(document for role in roles for document in list_documents(role)) or "none",
        ", ".join(secrets) or "none",
        reach_into_state(roles, secrets),
    )


def test_the_page_lists_for_each_job_what_it_can_reach() -> None:
    rows = [f"| {name} | {' | '.join(describe(job))} |" for name, job in jobs().items()]
    assert re.findall(r"^\| `\S+\.yml` \w+ \|.*$", PAGE, re.MULTILINE) == rows


def test_a_job_of_staging_takes_on_no_role_of_production() -> None:
    staging = stack_settings("staging").vaults
    called = jobs(staging.environment_prefix, staging.deploy_environment)
    assert {name: list_roles(job) for name, job in called.items() if list_roles(job)} == {}
    # What the workflows call their environments is what the settings of the stack bind its roles to.
    own = {job["environment"] for job in called.values() if "environment" in job}
    assert own == {*staging.role_environments.values(), staging.copy_environment}


def test_no_job_hands_its_secrets_to_more_than_the_steps_that_need_them() -> None:
    for name, job in jobs().items():
        assert "secrets." not in str(job.get("env", {})), name
    for file in WORKFLOWS.glob("*.yml"):
        assert "secrets." not in str(yaml.safe_load(file.read_text()).get("env", {})), file.name


def test_the_state_is_read_by_deployments_its_own_backup_and_its_drill_alone() -> None:
    reach = {name: describe(job)[-1] for name, job in jobs().items()}
    assert {name for name, into in reach.items() if into == "encrypted"} == {"`backup.yml` state"}
    assert {name for name, into in reach.items() if into == "everything"} == {
        "`deploy.yml` plan",
        "`deploy.yml` deploy",
        "`drift.yml` look",
        "`drill.yml` state",
    }
