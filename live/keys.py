"""What a refresh can't see of a KMS key: that it can't be used, and grants that nobody declared."""

from collections.abc import Iterable, Iterator
from typing import Any

from live.aws_access import AwsAccess, explain_errors
from live.declared import DeclaredStack, StateResource
from live.finding import LiveFinding, Lookup, name


def lookups(declared: DeclaredStack, access: AwsAccess) -> Iterator[Lookup]:
    """Yield one lookup for each key of the stack."""
    for key in declared.of_type("aws:kms/key:Key"):
        yield Lookup(
            f"KMS key {key['id']}", f"aws/key/{key['id']}", lambda key=key: _find(key, declared, access)
        )


def _find(key: StateResource, declared: DeclaredStack, access: AwsAccess) -> Iterator[LiveFinding]:
    key_id = str(key["id"])
    kms = access.open_client("kms", declared.provider_of(key))
    with explain_errors(f"reading the key {key_id}"):
        metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        pages: Iterable[dict[str, Any]] = kms.get_paginator("list_grants").paginate(KeyId=key_id)
        grants = [grant for page in pages for grant in page["Grants"]]
    if metadata["KeyState"] != "Enabled":
        end = metadata.get("DeletionDate")
        until = f", to be deleted on {end:%Y-%m-%d}" if end else ""
        yield LiveFinding(
            name("aws/key", key_id),
            f"its state is {metadata['KeyState']}{until}: what it encrypts can't be read",
            f"see who did it (CloudTrail); as an administrator, {_repair(metadata['KeyState'], key_id)}.",
        )
    known = {str(grant.get("id", "")).rpartition(":")[2] for grant in declared.of_type("aws:kms/grant:Grant")}
    for grant in grants:
        if grant["GrantId"] not in known:
            yield LiveFinding(
                name("aws/key", key_id, "grant", grant["GrantId"]),
                f"it is a grant to {grant.get('GranteePrincipal')} that nobody declared, of "
                f"{', '.join(grant.get('Operations', ()))}",
                f"`aws kms revoke-grant --key-id {key_id} --grant-id {grant['GrantId']}`, then see who made "
                "it (CloudTrail).",
            )


def _repair(state: str, key: str) -> str:
    """Return the commands that make a key usable again; a key whose deletion is called off is disabled."""
    steps = ["cancel-key-deletion"] if state.startswith("Pending") else []
    return " and ".join(f"`aws kms {step} --key-id {key}`" for step in (*steps, "enable-key"))
