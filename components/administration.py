"""
What only an administrator of an AWS account makes: its break-glass role and the boundary of the other roles.

These lie together, as a stack of an administrator's own would declare them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import iam

from components.bounded_role import declare_role
from components.guard import BOUNDARY, BREAK_GLASS, boundary_arn

_SESSION_SECONDS: Final = 3600
"""The least that IAM takes as a role's maximum."""

_SECOND_FACTOR_SECONDS: Final = 900
"""How long ago the second factor may have been given."""


@dataclass(frozen=True)
class AdministrationArgs:
    """What `Administration` is made of."""

    platform: str
    """Prefix of the physical names."""

    account: str
    """Number of the account at AWS."""

    may: str
    """The document of what the break-glass role may do."""

    boundary: str
    """The document of what the other roles may do at most."""

    trusted: tuple[str, ...] = ()
    """
    ARNs of who may take on the break-glass role; the default is each identity of the account that its own
    policies let.
    """

    regions: Sequence[str] = ()
    """Where the role may be taken on: where alarms are. Without any it is everywhere."""


class Administration(pulumi.ComponentResource):
    """
    The guards of one account's vaults.

    Whoever watches the use of the break-glass role finds its ARN in the input `breakGlassArn`.
    """

    TYPE: Final = "bulwark:index:Administration"

    break_glass: iam.Role
    boundary: iam.Policy

    def __init__(
        self, name: str, args: AdministrationArgs, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`opts` has the account's provider."""
        platform, account = args.platform, args.account
        role_name = f"{platform}-{BREAK_GLASS}"
        arn = f"arn:aws:iam::{account}:role/{role_name}"
        super().__init__(self.TYPE, name, {"breakGlassArn": arn}, opts)
        self.boundary = iam.Policy(
            f"{name}-boundary",
            name=f"{platform}-{BOUNDARY}",
            description="The most that any role of this platform may do",
            policy=args.boundary,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.boundary_arn = boundary_arn(platform, account)
        self.break_glass, self.policy = declare_role(
            f"{name}-break-glass",
            role_name=role_name,
            does="Changes vaults, keys and roles; its use is an alarm",
            trust=_trust(args.trusted or (f"arn:aws:iam::{account}:root",), args.regions),
            policy_name=BREAK_GLASS,
            policy=args.may,
            max_session_seconds=_SESSION_SECONDS,
            parent=self,
        )
        self.register_outputs({"breakGlassArn": self.break_glass.arn})


def _trust(principals: tuple[str, ...], regions: Sequence[str]) -> str:
    """
    Demand a second factor, given just now, and an endpoint of STS whose calls raise an alarm.

    It is demanded here, because the session that AWS gives for it does not carry it on to the calls that it
    makes (IAM, "Secure API access with MFA").
    """
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": list(principals)},
        "Action": "sts:AssumeRole",
        "Condition": {
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
            "NumericLessThan": {"aws:MultiFactorAuthAge": str(_SECOND_FACTOR_SECONDS)},
            **({"StringEquals": {"aws:RequestedRegion": list(regions)}} if regions else {}),
        },
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
