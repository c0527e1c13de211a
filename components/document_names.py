"""How the documents of roles are called: secrets that a role's job reads in place of the stack's state."""

from typing import Literal

RoleWithDocument = Literal["backup-writer", "driller", "copier"]
"""Role whose job needs a secret that only the stack's state knows. The other jobs need the settings alone."""


def list_roles_with_documents(*, copies_elsewhere: bool) -> tuple[RoleWithDocument, ...]:
    """Return the roles of a stack that have a document. Without a copy elsewhere nobody copies."""
    return ("backup-writer", "driller", *(("copier",) if copies_elsewhere else ()))


def document_name(platform: str, role: str) -> str:
    """Return the name of a role's secret."""
    return f"{platform}/jobs/{role}"


def documents_key_alias(platform: str) -> str:
    """Return the alias of the key that encrypts the roles' secrets."""
    return f"alias/{platform}-jobs"
