"""What a refresh can't see of a KMS key: that it can't be used, and grants that nobody declared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.text import printable
from live.aws_access import AwsAccess, explain_errors
from live.declared import DeclaredStack, StateResource, name_of
from live.finding import LiveFinding, Lookup, name

_KEY: Final = "aws:kms/key:Key"
_USABLE: Final = "Enabled"


@dataclass(frozen=True)
class KeyState:
    """A key of the stack as AWS has it."""

    name: str
    """Of its resource, such as `backups-vault-key`."""

    id: str
    state: str
    """`Enabled`, or why it can't be used, such as `Disabled` or `PendingDeletion`."""

    deletion: datetime | None

    @property
    def is_usable(self) -> bool:
        return self.state == _USABLE

    def describe(self) -> str:
        """Return its state, and when it is deleted."""
        return f"{self.state}, to be deleted on {self.deletion:%Y-%m-%d}" if self.deletion else self.state


def read_states(declared: DeclaredStack, access: AwsAccess) -> list[KeyState]:
    """Return the state of each key of the stack, in whichever account it is. Raises Failure."""
    return [_read_state(key, declared, access) for key in declared.of_type(_KEY)]


def _read_state(key: StateResource, declared: DeclaredStack, access: AwsAccess) -> KeyState:
    key_id = str(key["id"])
    kms = access.open_client("kms", declared.provider_of(key))
    with explain_errors(f"reading the key {key_id}"):
        metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    return KeyState(name_of(key), key_id, printable(str(metadata["KeyState"])), metadata.get("DeletionDate"))


def lookups(declared: DeclaredStack, access: AwsAccess) -> Iterator[Lookup]:
    """Yield one lookup for each key of the stack."""
    for key in declared.of_type(_KEY):
        yield Lookup(
            f"KMS key {key['id']}", f"aws/key/{key['id']}", lambda key=key: _find(key, declared, access)
        )


def _find(key: StateResource, declared: DeclaredStack, access: AwsAccess) -> Iterator[LiveFinding]:
    found = _read_state(key, declared, access)
    key_id, kms = found.id, access.open_client("kms", declared.provider_of(key))
    with explain_errors(f"reading the grants of the key {key_id}"):
        pages: Iterable[dict[str, Any]] = kms.get_paginator("list_grants").paginate(KeyId=key_id)
        grants = [grant for page in pages for grant in page["Grants"]]
    if not found.is_usable:
        yield LiveFinding(
            name("aws/key", key_id),
            f"its state is {found.describe()}: what it encrypts can't be read",
            f"see who did it (CloudTrail); as an administrator, {_repair(found.state, key_id)}.",
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
