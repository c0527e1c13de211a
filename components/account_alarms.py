"""The alarms of one account: its trail, and the rules and the topic of each region whose calls matter."""

from collections.abc import Sequence
from typing import Literal

import pulumi

from components.alarm_endpoints import AlarmEndpoint
from components.alarm_names import GLOBAL_REGION, AlarmNames
from components.alarms import Alarms, AlarmsArgs
from components.guard import list_guards
from components.trail import Trail, TrailArgs
from components.vault_names import VaultNames


def list_alarm_regions(vaults: Sequence[VaultNames], trail: str | None) -> list[str]:
    """Return the regions of an account whose calls matter: of its vaults, of its trail, and of IAM."""
    account = vaults[0].account
    homes = [trail.split(":")[3]] if trail and f":{account}:" in trail else []
    return list(dict.fromkeys([*(vault.region for vault in vaults), *homes, GLOBAL_REGION]))


def declare_account_alarms(
    prefix: str,
    vaults: Sequence[VaultNames],
    *,
    endpoints: Sequence[AlarmEndpoint],
    trail: str | None,
    keep_days: int,
    lock_mode: Literal["GOVERNANCE", "COMPLIANCE"],
    protect: bool,
    opts: pulumi.ResourceOptions,
) -> None:
    """
    Declare the alarms of an account.

    Args:
        prefix: Of the resources' names.
        vaults: All vaults of the account; its trail lies in the region of the first.
        endpoints: Where the alarms arrive.
        trail: ARN of a trail that records the account already; None declares one.
        keep_days: For how long the record of a declared trail is kept and locked.
        lock_mode: Mode of that lock.
        protect: Whether the vaults hold real data.
        opts: Options, with the provider of the first vault's region.
    """
    home = vaults[0]
    guards = list_guards(home.platform, home.account, protect=protect)
    own_trail = None
    if trail is None:
        own_trail = Trail(
            f"{prefix}-trail",
            TrailArgs(home, [vault.arn for vault in vaults], guards, keep_days, lock_mode, protect),
            opts=opts,
        )
    after = pulumi.ResourceOptions(depends_on=[own_trail] if own_trail else [])
    for region in list_alarm_regions(vaults, trail):
        buckets = [
            bucket
            for vault in vaults
            if vault.region == region
            for bucket in (vault.bucket, vault.log_bucket)
        ]
        if own_trail and home.region == region:
            buckets.append(home.trail_bucket)
        Alarms(
            f"{prefix}-alarms-{region}",
            AlarmsArgs(AlarmNames(home.platform, home.account, region), buckets, endpoints, guards, trail),
            opts=pulumi.ResourceOptions.merge(opts, after),
        )
