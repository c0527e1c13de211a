"""Files: a data store that exists already and has to be backed up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi


@dataclass(frozen=True)
class FilesArgs:
    """What `Files` is made of."""

    vendor: str
    """Whose service stores the files."""

    account: str | None
    """The vendor's name of the account or project; None if it is not known."""

    region: str
    endpoint: str
    """Address of the S3 service."""

    buckets: Sequence[str]
    access_key_id: pulumi.Input[str] = field(repr=False)
    secret_access_key: pulumi.Input[str] = field(repr=False)
    inventory: Mapping[str, str] | None = None
    """Bucket, name and prefix of their S3 Inventory; None: they are listed."""


class Files(pulumi.ComponentResource):
    """
    Buckets of an S3 service. They are not created here, and nothing is known of a history of them.

    Publishes for policies: `holdsData` (true), `failureDomain` (provider, account, region) and `buckets`.
    """

    TYPE: Final = "bulwark:index:Files"

    source: pulumi.Output[dict[str, Any]]
    """Secret. Endpoint, region, buckets and key for reading the files over the S3 protocol."""

    def __init__(self, name: str, args: FilesArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        account = {"account": args.account} if args.account else {}
        facts = {
            "holdsData": True,
            "failureDomain": {"provider": args.vendor, **account, "region": args.region},
            "buckets": list(args.buckets),
        }
        super().__init__(self.TYPE, name, facts, opts)
        self.source = pulumi.Output.secret(
            {
                "endpoint": args.endpoint,
                "region": args.region,
                "buckets": list(args.buckets),
                "access_key_id": args.access_key_id,
                "secret_access_key": args.secret_access_key,
                **({"inventory": {**args.inventory}} if args.inventory else {}),
            }
        )
        self.register_outputs({})
