"""A database on a server that exists already and has to be backed up."""

from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from core.database_url import remove_password


@dataclass(frozen=True)
class ExistingDatabaseArgs:
    """What `ExistingDatabase` is made of."""

    vendor: str
    """Whose service it is."""

    region: str
    url: pulumi.Input[str] = field(repr=False)
    """Secret. Address of the role that backs up, with its password."""

    cloud: str | None = None
    """Whose machines it runs on, where that is not the vendor's."""

    account: str | None = None
    history_hours: int | None = None
    """How far back its vendor can restore it; None: not at all."""


class ExistingDatabase(pulumi.ComponentResource):
    """
    A database of any vendor. Nothing of it is created here.

    Publishes for policies: `holdsData` (true), `failureDomain` (provider, cloud, account, region) and
    `historyHours`.
    """

    TYPE: Final = "bulwark:index:ExistingDatabase"

    backup_uri: pulumi.Output[str]
    """Secret. For dumps, direct."""

    def __init__(
        self, name: str, args: ExistingDatabaseArgs, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        domain = {
            "provider": args.vendor,
            "cloud": args.cloud,
            "account": args.account,
            "region": args.region,
        }
        facts = {
            "holdsData": True,
            "failureDomain": {key: value for key, value in domain.items() if value},
            **({"historyHours": args.history_hours} if args.history_hours else {}),
        }
        super().__init__(self.TYPE, name, facts, opts)
        self.backup_uri = pulumi.Output.secret(args.url)
        self.register_outputs({})

    def describe_recovery(self, password_variable: str) -> pulumi.Output[dict[str, Any]]:
        """
        Return its entry among the `stores` of a recovery file (docs/recovery.md).

        The password is not in it: whoever recovers has it in the environment, in `password_variable`.
        """
        address = pulumi.Output.unsecret(self.backup_uri.apply(remove_password))
        return pulumi.Output.from_input(
            {"type": "postgres", "url": address, "password": {"env": password_variable}}
        )
