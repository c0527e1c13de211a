"""Roles that a provider of PostgreSQL keeps for itself: nobody else can make them or act as them."""

import re
from typing import Final

_OWN: Final = re.compile(
    r"""
      pg_.*                                             # PostgreSQL's predefined roles
    | cloud_admin | neon_superuser | neon_service | databricks_.*
    | supabase_.* | dashboard_user | pgbouncer | pgsodium_.*
    | azure_pg_admin | azuresu | azure_.*
    | rdsadmin | rds_.* | rds
    | cloudsql.* | alloydb.*
    """,
    re.VERBOSE,
)


def is_vendors(role: str) -> bool:
    """Tell whether `role` belongs to a provider. anon, authenticated and service_role are the customer's."""
    return _OWN.fullmatch(role) is not None
