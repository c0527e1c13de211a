"""The platform's files: a data store that exists elsewhere and that backups must know of."""

from typing import Final

import pulumi

from components.settings import FileSettings


class Files(pulumi.ComponentResource):
    """
    Buckets of Supabase Storage; nothing is made of them here, Supabase keeps no history of them.

    Publishes for policies: `holdsData` (true), `failureDomain` (provider, account, region) and `buckets`.
    """

    TYPE: Final = "bulwark:index:Files"

    def __init__(self, name: str, args: FileSettings, *, opts: pulumi.ResourceOptions | None = None) -> None:
        facts = {
            "holdsData": True,
            "failureDomain": {"provider": "supabase", "account": args.project, "region": args.region},
            "buckets": list(args.buckets),
        }
        super().__init__(self.TYPE, name, facts, opts)
        self.register_outputs({})
