"""What really exists in a twin, looked up where it lives, and what the stack's state says of it."""

from collections import Counter
from contextlib import closing
from typing import Any, Final

import boto3
from botocore.config import Config
from installations import Installation

from twin.vendor.store import VendorStore

REGIONS: Final = ("eu-west-1", "eu-north-1")
_NAMELESS: Final = frozenset(
    # The vendors' own, which no program declares: made along with a project, or found wrong later.
    {("neon", "branch"), ("neon", "endpoint"), ("sentry", "detector"), ("sentry", "issue")}
)
_OWN: Final = Counter({("neon", "role"): 1, ("neon", "database"): 1})
"""A new Neon project has a first role and database of its own."""


def aws(installation: Installation, service: str, region: str = REGIONS[0]) -> Any:
    """Return a client of the twin's AWS account, with which to act behind Pulumi's back."""
    return boto3.Session("test", "test", region_name=region).client(  # pyright: ignore[reportCallIssue, reportUnknownMemberType] - an overload per service
        service,  # pyright: ignore[reportArgumentType] - the same
        endpoint_url=f"http://127.0.0.1:{installation.home.port('aws')}",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
    )


def vendor_objects(installation: Installation) -> Counter[tuple[str, str]]:
    """Count what exists at Neon, UptimeRobot and Sentry, by (vendor, kind)."""
    with closing(VendorStore(installation.home.vendors)) as store:
        rows = store._read("SELECT vendor, kind FROM object", ())  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no public way to see all
    found = Counter((str(vendor), str(kind)) for vendor, kind in rows)
    return Counter(
        {
            key: count
            for key, count in found.items()
            if key[0] in {"neon", "uptimerobot", "sentry"} and key[1] != "unconfirmed"
        }
    )


def aws_objects(installation: Installation) -> Counter[tuple[str, str]]:
    """Count what exists in the AWS account; a key that waits for its deletion is gone."""
    iam = aws(installation, "iam")
    found = Counter(
        {
            ("aws", "bucket"): len(aws(installation, "s3").list_buckets()["Buckets"]),
            ("aws", "role"): len(iam.list_roles()["Roles"]),
            ("aws", "openIdConnectProvider"): len(
                iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
            ),
        }
    )
    for region in REGIONS:
        kms = aws(installation, "kms", region)
        for key in kms.list_keys()["Keys"]:
            state = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
            found["aws", "key"] += state == "Enabled"
    return +found


def existing(installation: Installation) -> Counter[tuple[str, str]]:
    """Count all that exists and that a program can declare."""
    found = vendor_objects(installation) + aws_objects(installation)
    for key in _NAMELESS:
        found.pop(key, None)
    return found - _OWN if found["neon", "project"] else found


def recorded(installation: Installation) -> Counter[tuple[str, str]]:
    """Count what the state says exists, of the types that `existing` counts."""
    types = [
        str(resource["type"]).split(":") for resource in installation.resources() if resource.get("custom")
    ]
    counted = Counter((package, module.partition("/")[2]) for package, module, _ in types)
    aws_kinds = {"bucket", "role", "openIdConnectProvider", "key"}
    return Counter(
        {
            (package, kind): count
            for (package, kind), count in counted.items()
            if kind and (package != "aws" or kind in aws_kinds)
        }
    )
