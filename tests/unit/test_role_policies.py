"""The roles' policies fit into what IAM takes, whatever the platform is called."""

import json

from components.role_policies import boundary_policy, break_glass_policy, list_policies, list_replica_policies
from components.vault_names import VaultNames

NAME = "a" * 20
"""The longest name that the settings take."""


def size_of(document: str) -> int:
    """Return the size as IAM counts it, without white space (IAM and AWS STS quotas, "Character limits")."""
    return len("".join(document.split()))


def test_policies_of_the_longest_names_fit() -> None:
    vaults = [VaultNames.of(NAME, account, "ap-southeast-1") for account in ("1" * 12, "2" * 12)]
    trails = [f"arn:aws:cloudtrail:ap-southeast-1:{'3' * 12}:trail/{'t' * 128}" for _ in range(2)]
    documents = list_policies(vaults, account="1" * 12, platform=NAME, trail=trails[0])
    assert size_of(boundary_policy(documents.values())) <= 6_144
    there = list_replica_policies(vaults[1], trail=trails[1])
    assert size_of(boundary_policy(there.values())) <= 6_144
    inline = [
        *documents.values(),
        *there.values(),
        break_glass_policy(vaults, account="1" * 12, platform=NAME),
    ]
    assert max(map(size_of, inline)) <= 10_240


def test_whoever_reads_or_writes_tags_of_a_bucket_may_do_it_by_both_of_s3s_actions() -> None:
    """AWS's provider tries the newer action first (hashicorp/terraform-provider-aws#45251)."""
    vaults = [VaultNames.of(NAME, account, "ap-southeast-1") for account in ("1" * 12, "2" * 12)]
    documents = [
        *list_policies(vaults, account="1" * 12, platform=NAME).values(),
        *list_replica_policies(vaults[1]).values(),
        break_glass_policy(vaults, account="1" * 12, platform=NAME),
    ]
    statements = [statement for document in documents for statement in json.loads(document)["Statement"]]
    for older, newer in (
        ("s3:GetBucketTagging", "s3:ListTagsForResource"),
        ("s3:PutBucketTagging", "s3:TagResource"),
    ):
        both = [{older, newer} <= set(each["Action"]) for each in statements if older in each["Action"]]
        assert both
        assert all(both)
