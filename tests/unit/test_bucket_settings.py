"""The settings of production's buckets, as the engine was told of them on a first preview."""

import json
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

RECORDED: dict[str, dict[str, Any]] = {
    resource["name"]: resource
    for resource in json.loads((Path(__file__).parents[1] / "policy" / "production.json").read_text())
}
BUCKETS = {name for name, one in RECORDED.items() if one["type"] == "aws:s3/bucket:Bucket"}


def settings_by_bucket() -> dict[str, list[str]]:
    """Return bucket -> the resources that configure it."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, resource in RECORDED.items():
        if resource["type"].startswith("aws:s3/bucket") and name not in BUCKETS:
            found[resource["inputs"]["bucket"]].append(name)
    return found


def waits_for(name: str, other: str) -> bool:
    """Whether a resource is made after another one."""
    direct = RECORDED[name].get("depends_on", ())
    return other in direct or any(waits_for(before, other) for before in direct if before in RECORDED)


def test_no_two_settings_of_a_bucket_are_written_at_the_same_time() -> None:
    """S3 answers 409 to the second (hashicorp/terraform-provider-aws#33552)."""
    by_bucket = settings_by_bucket()
    assert len(by_bucket) == len(BUCKETS)
    together = [
        pair
        for names in by_bucket.values()
        for pair in combinations(names, 2)
        if not (waits_for(*pair) or waits_for(*reversed(pair)))
    ]
    assert together == []


def test_every_bucket_blocks_keys_of_clients() -> None:
    encryption = [one for one in RECORDED.values() if one["type"].endswith("EncryptionConfiguration")]
    assert len(encryption) == len(BUCKETS)
    assert {tuple(one["inputs"]["rules"][0]["blockedEncryptionTypes"]) for one in encryption} == {("SSE-C",)}


def test_a_refresh_can_not_make_the_buckets_settings_its_own() -> None:
    """A bucket that took over a sibling's rules would delete them (pulumi/pulumi-aws#6244)."""
    for name in BUCKETS:
        assert {"lifecycleRules", "policy", "versioning", "replicationConfiguration"} <= set(
            RECORDED[name]["options"]["ignoreChanges"]
        )
