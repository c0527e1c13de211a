"""The platform's files: a data store that exists already and has to be backed up."""

from typing import Any, Final

import pulumi

from components.secrets import FILES_KEY, Secrets
from components.settings import FileSettings


class Files(pulumi.ComponentResource):
    """
    Buckets of Supabase Storage. They are not created here, and Supabase keeps no history of them.

    Publishes for policies: `holdsData` (true), `failureDomain` (provider, account, region) and `buckets`.
    """

    TYPE: Final = "bulwark:index:Files"

    source: pulumi.Output[dict[str, Any]]
    """Secret. Endpoint, region, buckets and key for reading the files over the S3 protocol."""

    def __init__(
        self, name: str, args: FileSettings, *, secrets: Secrets, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        facts = {
            "holdsData": True,
            "failureDomain": {"provider": "supabase", "account": args.project, "region": args.region},
            "buckets": list(args.buckets),
        }
        super().__init__(self.TYPE, name, facts, opts)
        access_key_id, secret_access_key = (secrets[secret] for secret in FILES_KEY)
        self.source = pulumi.Output.secret(
            {
                "endpoint": args.endpoint,
                "region": args.region,
                "buckets": list(args.buckets),
                "access_key_id": access_key_id,
                "secret_access_key": secret_access_key,
            }
        )
        self.register_outputs({})
