"""
Documents that one job attests and another stores, because the role that reads backups writes nothing.

`verify` and `disown` print them with --json, `drill` and `ready` write them into files; --add stores them.
"""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from core import vault_layout
from core.documents import DocumentError, read_file, read_json
from core.failure import Failure
from core.text import printable
from recovery.attestation import IssueToken
from recovery.catalogue import Disownment, Verification
from recovery.context import RecoveryContext
from recovery.vault.client import Exists

_MAX_FILE_BYTES = 64 << 20


class AttestedDocument(BaseModel):
    """A verification or a disownment, as text, with its attestation."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    document: str
    attestation: str | None


class _Printed(BaseModel, defer_build=True):
    """The part of a command's --json output that another run stores."""

    documents: Annotated[tuple[AttestedDocument, ...], Field(max_length=100_000)]


def require_writable(evidence: Path) -> None:
    """Raise Failure where no such file can be made: what takes long would be lost."""
    try:
        if evidence.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=evidence.parent):
            pass
    except OSError as error:
        raise Failure(
            f"{evidence} can't be written: {error.strerror}.", "name another file; nothing was done."
        ) from None


def write_attested(file: Path, document: bytes, issue_token: IssueToken | None) -> None:
    """
    Write a document that another job stores, and its attestation into a file beside it.

    Raises:
        Failure: one of both can't be written, or the signer does not answer.
    """
    try:
        file.write_bytes(document)
        if issue_token:
            token = issue_token(hashlib.sha256(document).hexdigest())
            file.with_name(vault_layout.attestation(file.name)).write_text(token)
    except OSError as error:
        raise Failure(f"{file} can't be written: {error.strerror}.", "name another file.") from None


def read_attestation(file: Path) -> bytes | None:
    """Return the attestation that lies beside a document; None if there is none. Raises Failure."""
    beside = file.with_name(vault_layout.attestation(file.name))
    try:
        return beside.read_bytes().strip() if beside.exists() else None
    except OSError as error:
        raise Failure(f"{beside} can't be read: {error.strerror}.", "give its reader the right to.") from None


def attest_all(
    context: RecoveryContext, documents: Iterable[Verification | Disownment]
) -> list[AttestedDocument]:
    """
    Attest documents as the job that restores.

    Raises:
        Failure: the signer does not answer.
    """
    texts = [document.model_dump_json() for document in documents]
    return [AttestedDocument(document=text, attestation=context.attest(text.encode())) for text in texts]


def read_documents(file: Path) -> tuple[AttestedDocument, ...]:
    """
    Return the documents in a file that another run printed with --json.

    Raises:
        Failure: it can't be read, or holds something else.
    """
    try:
        return read_json(
            read_file(file, max_bytes=_MAX_FILE_BYTES), _Printed, max_bytes=_MAX_FILE_BYTES
        ).documents
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}.", "name what --json printed.") from None
    except DocumentError as error:
        raise Failure(
            f"{file} is not what a verification printed, nor a disownment: {error}.",
            "save one: ./bulwark verify --json > FILE.",
        ) from None


def store_all(
    context: RecoveryContext, documents: Sequence[AttestedDocument]
) -> list[Verification | Disownment]:
    """
    Store documents in the primary vault, and return them.

    Raises:
        Failure: one of them has another form, or an attestation that is not the restoring job's; nothing is
            stored then. Or the vault does not take one.
    """
    keys: dict[str, AttestedDocument] = {}
    contents: list[Verification | Disownment] = []
    for document in documents:
        content, body = _parse(document.document), document.document.encode()
        token = document.attestation.encode() if document.attestation else None
        if fault := token and context.trust.find_fault(context.recording_vault, body, token, "restore"):
            raise Failure(
                f"The document of backup {content.backup} {fault}; nothing was stored.",
                "run the verification again, in the job that restores.",
            )
        key = (
            vault_layout.verification(content.backup, content.at, body)
            if isinstance(content, Verification)
            else vault_layout.disownment(content.backup, body)
        )
        keys[key] = document
        contents.append(content)
    for key, document in keys.items():
        if document.attestation:
            with suppress(Exists):  # both keys hold the document's digest: it is stored already
                context.recording_vault.put(vault_layout.attestation(key), document.attestation.encode())
        with suppress(Exists):
            context.recording_vault.put(key, document.document.encode())
    return contents


def describe_stored(documents: Sequence[Verification | Disownment]) -> str:
    """Return the line that says of which backups documents were stored."""
    return printable(f"Recorded: {', '.join(one.backup for one in documents) or 'nothing'}.") + "\n"


def _parse(text: str) -> Verification | Disownment:
    for kind in (Verification, Disownment):
        with suppress(DocumentError):
            return read_json(text, kind)
    raise Failure("A document is neither a verification nor a disownment.", "name what --json printed.")
