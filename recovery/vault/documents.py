"""Documents in a vault, whose size is limited before the first byte of them is downloaded."""

from core.documents import MAX_BYTES, DocumentError, ModelT, read_json
from core.failure import Failure
from recovery.manifest import StoredObject
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient


def read_body(
    vault: VaultClient, document: VersionEntry | StoredObject, *, max_bytes: int = MAX_BYTES
) -> bytes:
    """
    Return the bytes of a document: one that a listing of the vault names, or one that a manifest names.

    Raises:
        DocumentError: it is larger than `max_bytes`; nothing is downloaded.
        Failure: there is no such document, its size or SHA-256 is another one, or it can't be read.
    """
    if document.bytes > max_bytes:
        raise DocumentError(f"it has {document.bytes:,} bytes, and {max_bytes:,} are the most")
    sha256 = document.sha256 if isinstance(document, StoredObject) else None
    return b"".join(vault.read(document.key, document.version, sha256=sha256, expected_bytes=document.bytes))


def read_document(
    vault: VaultClient,
    document: VersionEntry | StoredObject,
    model: type[ModelT],
    *,
    max_bytes: int = MAX_BYTES,
) -> ModelT:
    """
    Return a document of a vault as a model.

    Raises:
        DocumentError: it is larger than `max_bytes`, or not a document of this model.
        Failure: see `read_body`.
    """
    return read_json(read_body(vault, document, max_bytes=max_bytes), model, max_bytes=max_bytes)


def unreadable(key: str, error: DocumentError) -> Failure:
    """Return the failure of a command that needs this document of a backup."""
    return Failure(
        f"{key} can't be read: {error}.",
        "use another backup, or the other vault's copy (--vault replica); keep this one for the inquiry.",
    )
