"""The roles' policies fit into what IAM takes, whatever the platform is called."""

from components.role_policies import boundary_policy, break_glass_policy, list_policies
from components.vault_names import VaultNames

NAME = "a" * 20
"""The longest name that the settings take."""


def size_of(document: str) -> int:
    """Return the size as IAM counts it, without white space (IAM and AWS STS quotas, "Character limits")."""
    return len("".join(document.split()))


def test_policies_of_the_longest_names_fit() -> None:
    vaults = [VaultNames.of(NAME, account, "ap-southeast-1") for account in ("1" * 12, "2" * 12)]
    documents = list_policies(vaults, account="1" * 12, platform=NAME)
    assert size_of(boundary_policy(documents.values())) <= 6_144
    inline = [*documents.values(), break_glass_policy(vaults, account="1" * 12, platform=NAME)]
    assert max(map(size_of, inline)) <= 10_240
