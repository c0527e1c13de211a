"""The vault elsewhere: a bucket at another cloud, which exists already and takes encrypted copies."""

from typing import Final

import pulumi

from components.settings import ElsewhereSettings


class Elsewhere(pulumi.ComponentResource):
    """
    A vault at another cloud.

    It is made by hand there, and its key is no secret of this stack: only the job that copies has it.

    Publishes for policies: `failureDomain` (provider, cloud, region), `bucket`, `lockMode`, `lockDays` (how
    long each copy is locked) and `encryptedTo` (the public keys).
    """

    TYPE: Final = "bulwark:index:Elsewhere"

    def __init__(
        self, name: str, args: ElsewhereSettings, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        facts = {
            "failureDomain": {"provider": args.vendor, "cloud": args.cloud, "region": args.region},
            "bucket": args.bucket,
            "lockMode": "COMPLIANCE",
            "lockDays": args.lock_days,
            "encryptedTo": list(args.recipients),
        }
        super().__init__(self.TYPE, name, facts, opts)
        self.register_outputs({})
