"""How many resources exist in a twin, and how many are in the stack's state."""

from collections import Counter
from contextlib import closing
from typing import Any, Final

import role_clients
from installations import Installation

from twin.vendor.store import VendorStore

REGIONS: Final = ("eu-west-1", "eu-north-1")
"""Of the vault and of its replica, which is in an account of its own."""

_ACCOUNTS: Final[dict[str, str]] = dict(zip(REGIONS, (role_clients.ACCOUNT, role_clients.THERE), strict=True))
_NAMELESS: Final = frozenset(
    # No program declares these: a vendor creates them with a project, or for an error.
    {("neon", "branch"), ("neon", "endpoint"), ("sentry", "detector"), ("sentry", "issue")}
)
_DECLARED: Final = frozenset(
    {
        *(("pagerduty", kind) for kind in ("escalationPolicy", "schedule", "service", "serviceIntegration")),
        ("vercel", "projectEnvironmentVariable"),
    }
)
"""What a program declares at vendors that also have people, incidents, projects and deployments."""

_GONE: Final = frozenset(("unconfirmed", "deleted project"))
"""Kinds of notes of the twin's vendors about what does not exist; Neon can give a deleted project back."""

_UNCOUNTED: Final = frozenset(("railway", "pulumi-python"))
"""Packages of what is no object of a vendor: variables, and roles that SQL makes within a branch."""

_OWN: Final = Counter({("neon", "role"): 1, ("neon", "database"): 1})
"""A new Neon project has a first role and database of its own."""


def aws_client(installation: Installation, service: str, region: str = REGIONS[0]) -> Any:
    """Return a client of the administrator of a vault's account, by the region; it bypasses Pulumi."""
    return role_clients.administrator(installation.home, _ACCOUNTS[region]).client(service, region)


def count_vendor_objects(installation: Installation) -> Counter[tuple[str, str]]:
    """Count the objects at the vendors, by (vendor, kind)."""
    with closing(VendorStore(installation.home.vendors)) as store:
        rows = store._read("SELECT vendor, kind FROM object", ())  # noqa: SLF001 - no public way to see all
    counted = Counter((str(vendor), str(kind)) for vendor, kind in rows)
    return Counter(
        {
            key: count
            for key, count in counted.items()
            if (key[0] in {"neon", "uptimerobot", "sentry"} and key[1] not in _GONE) or key in _DECLARED
        }
    )


def count_aws_objects(installation: Installation) -> Counter[tuple[str, str]]:
    """Count the resources of both AWS accounts; a key that waits for its deletion does not count."""
    counted = Counter[tuple[str, str]]()
    for region in REGIONS:
        iam, kms = (aws_client(installation, service, region) for service in ("iam", "kms"))
        buckets = aws_client(installation, "s3", region).list_buckets()["Buckets"]
        issuers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        counted["aws", "bucket"] += len(buckets)
        counted["aws", "role"] += len(iam.list_roles()["Roles"])
        counted["aws", "openIdConnectProvider"] += len(issuers)
        for key in kms.list_keys()["Keys"]:
            state = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
            counted["aws", "key"] += state == "Enabled"
    return +counted


def count_existing(installation: Installation) -> Counter[tuple[str, str]]:
    """Count the existing resources that a program can declare."""
    counted = count_vendor_objects(installation) + count_aws_objects(installation)
    for key in _NAMELESS:
        counted.pop(key, None)
    return counted - _OWN if counted["neon", "project"] else counted


def count_recorded(installation: Installation) -> Counter[tuple[str, str]]:
    """Count the resources in the state, of the types that `count_existing` counts."""
    types = [
        str(resource["type"]).split(":") for resource in installation.resources() if resource.get("custom")
    ]
    counted = Counter((package, module.partition("/")[2]) for package, module, _ in types)
    aws_kinds = {"bucket", "role", "openIdConnectProvider", "key"}
    return Counter(
        {
            (package, kind): count
            for (package, kind), count in counted.items()
            if kind and package not in _UNCOUNTED and (package != "aws" or kind in aws_kinds)
        }
    )
