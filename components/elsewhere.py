"""The vault elsewhere: a bucket at another cloud, which exists already and takes encrypted copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi


@dataclass(frozen=True)
class ElsewhereArgs:
    """What `Elsewhere` is made of."""

    vendor: str
    """Whose service it is, such as backblaze."""

    cloud: str
    """Whose machines it runs on; the vendor's name where they are its own."""

    region: str
    """The service's name of its region."""

    bucket: str
    recipients: Sequence[str]
    """Public keys (`age1...`, as age-keygen prints them) that the copies are encrypted to."""

    lock_days: int = 35
    """How long each copy is locked in mode COMPLIANCE."""


class Elsewhere(pulumi.ComponentResource):
    """
    A vault at another cloud.

    It is made by hand there, and its key is no secret of this stack: only the job that copies has it.

    Publishes for policies: `failureDomain` (provider, cloud, region), `bucket`, `lockMode`, `lockDays` (how
    long each copy is locked) and `encryptedTo` (the public keys).
    """

    TYPE: Final = "bulwark:index:Elsewhere"

    def __init__(self, name: str, args: ElsewhereArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        facts = {
            "failureDomain": {"provider": args.vendor, "cloud": args.cloud, "region": args.region},
            "bucket": args.bucket,
            "lockMode": "COMPLIANCE",
            "lockDays": args.lock_days,
            "encryptedTo": list(args.recipients),
        }
        super().__init__(self.TYPE, name, facts, opts)
        self.register_outputs({})
