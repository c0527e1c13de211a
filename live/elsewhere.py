"""What the vault elsewhere is in reality: its lock, what its key may do, the locks of the newest copies."""

import secrets
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

from botocore.exceptions import ClientError

from core.failure import Failure
from live.finding import LiveFinding, Lookup, explain, name
from recovery.elsewhere.lock import require_compliance_lock
from recovery.elsewhere.vault import ElsewhereVault
from recovery.elsewhere.verify import find_lock_problems
from recovery.vault.client import Forbidden, error_code, explain_errors

_REFUSED: Final = frozenset(("AccessDenied", "403", "Unauthorized"))
_UNSAID: Final = frozenset(("InvalidArgument", "InvalidRequest", "NotImplemented"))
"""Of a service that looks at the version's form first, which says nothing of the key."""

_NOT_THERE: Final = frozenset(("", "NoSuchVersion", "NoSuchKey", "404"))


def lookups(
    bucket: str, open_vault: Callable[[], ElsewhereVault], open_client: Callable[[], Any]
) -> Iterator[Lookup]:
    """
    Yield the lookups of the vault elsewhere.

    Args:
        bucket: Its bucket.
        open_vault: Returns the vault, without its private key. Raises Failure where there is no access key.
        open_client: Returns an S3 client with the same access key. Raises Failure as well.
    """
    opened = cache(open_vault)
    yield Lookup(
        f"lock of the vault elsewhere {bucket}",
        f"elsewhere/{bucket}/lock",
        lambda: _find_weak_lock(bucket, opened()),
    )
    yield Lookup(
        f"rights of the key of the vault elsewhere {bucket}",
        f"elsewhere/{bucket}/key",
        lambda: _find_rights(bucket, opened(), open_client()),
    )
    yield Lookup(
        f"newest copies in the vault elsewhere {bucket}",
        f"elsewhere/{bucket}/copy/",
        lambda: _find_unlocked(bucket, opened()),
    )


def _find_weak_lock(bucket: str, vault: ElsewhereVault) -> Iterator[LiveFinding]:
    vault.stored.read_protection()  # raises where the vault can't be asked, which says nothing of its lock
    try:
        require_compliance_lock(vault.stored)
    except Forbidden:
        raise
    except Failure as failure:
        yield LiveFinding(
            name("elsewhere", bucket, "lock"),
            f"it protects nothing: {explain(failure)}",
            "make another bucket, as docs/production.md says, and let `./bulwark copy` fill it.",
        )


def _find_rights(bucket: str, vault: ElsewhereVault, client: Any) -> Iterator[LiveFinding]:
    """
    Try to delete a version of an object that never existed.

    A service that refuses this refuses every deletion. Of a lock nothing has to be asked: in mode COMPLIANCE
    nobody lifts it.
    """
    entry = next(vault.stored.list_entries(""), None)
    if not entry:
        return  # without a version's id, whose form is the service's own, the question can't be asked
    with explain_errors(f"Looking at what the key of the vault {bucket} may do"):
        try:
            client.delete_object(
                Bucket=bucket, Key=f"bulwark-audit-{secrets.token_hex(16)}", VersionId=entry.version
            )
            code = ""
        except ClientError as error:
            code = error_code(error)
            if code not in _REFUSED | _UNSAID | _NOT_THERE:
                raise
    if code not in _REFUSED | _UNSAID:
        yield LiveFinding(
            name("elsewhere", bucket, "key"),
            "it may delete objects: whoever has it removes each copy on the day that its lock ends",
            "make a key without the right to delete, as docs/production.md says, and revoke this one.",
        )


def _find_unlocked(bucket: str, vault: ElsewhereVault) -> Iterator[LiveFinding]:
    seen: set[str] = set()
    for copy in vault.copies:
        if copy.store in seen:
            continue
        seen.add(copy.store)
        if problems := list(find_lock_problems(vault, copy)):
            more = f", and {len(problems) - 1} more" if problems[1:] else ""
            yield LiveFinding(
                name("elsewhere", bucket, "copy", copy.store, copy.backup),
                f"it is the newest copy of the {copy.store}, and {problems[0]}{more}",
                "see who has the bucket's account; copy to another one: ./bulwark copy.",
            )
