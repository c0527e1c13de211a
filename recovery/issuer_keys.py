"""
Public keys of an OIDC issuer, as a vault has recorded them.

An issuer changes its keys, and then publishes the old ones no more. The role that deploys records each key in
the vault when it first sees it, where the writer of backups can't write. So an attestation of last year can
still be verified, also without a network.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from core import vault_layout
from core.documents import DocumentError, parse_json
from core.failure import Failure
from recovery.vault.client import Exists
from recovery.vault.documents import read_document
from recovery.vault.vault import VaultClient

_MAX_BYTES: Final = 64 << 10
_MAX_KEYS: Final = 1000
_PUBLIC_MEMBERS: Final = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")
"""Members of a JSON Web Key that a signature is verified with (RFC 7517, RFC 7518 section 6)."""

_FETCH_SECONDS: Final = 10.0


@dataclass(frozen=True)
class IssuerKey:
    """One public key of an issuer. `key` is joserfc's."""

    kid: str
    key: Any


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    schema_version: Literal["bulwark-issuer-key-1"] = "bulwark-issuer-key-1"
    issuer: str
    key: dict[str, Any]
    """A JSON Web Key (RFC 7517)."""


def fetch_keys(issuer: str) -> bytes:
    """
    Return what an issuer publishes at its URL, a JSON Web Key Set.

    Raises:
        Failure: it does not answer.
    """
    import httpx  # noqa: PLC0415 - a fifth of a second, which other commands do without

    try:
        response = httpx.get(f"{issuer}/.well-known/jwks", timeout=_FETCH_SECONDS)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise Failure(
            f"{issuer} does not give its public keys: {type(error).__name__}.",
            "check the network; keys that the vault has recorded are used without it.",
        ) from None
    return response.content


def parse_keys(issuer: str, key_set: bytes) -> tuple[IssuerKey, ...]:
    """
    Return the signing keys of a JSON Web Key Set; what else it holds is left out.

    Raises:
        Failure: it is no key set.
    """
    return tuple(parse_key(key) for key in _signing_keys(issuer, key_set))


def list_public_keys(issuer: str, key_set: bytes) -> list[dict[str, str]]:
    """
    Return the signing keys of a JSON Web Key Set as a recovery file has them.

    Raises:
        Failure: it is no key set.
    """
    return [
        {name: str(key[name]) for name in _PUBLIC_MEMBERS if name in key}
        for key in _signing_keys(issuer, key_set)
    ]


def record_keys(vault: VaultClient, issuer: str, key_set: bytes) -> int:
    """
    Record those keys of a key set that the vault does not have, and return their number.

    Raises:
        Failure: it is no key set, or the vault does not take them.
    """
    recorded = {entry.key for entry in vault.list_entries(vault_layout.ISSUER_KEYS)}
    count = 0
    for key in _signing_keys(issuer, key_set):
        name = vault_layout.issuer_key(issuer, parse_key(key).key.thumbprint())
        if name not in recorded:
            with suppress(Exists):
                vault.put(name, _Document(issuer=issuer, key=key).model_dump_json().encode())
                count += 1
    return count


def read_recorded_keys(vault: VaultClient, issuer: str) -> tuple[IssuerKey, ...]:
    """
    Return the keys of an issuer that the vault has recorded.

    Raises:
        Failure: the vault can't be read.
    """
    keys: list[IssuerKey] = []
    for entry in vault.list_entries(vault_layout.ISSUER_KEYS):
        if len(keys) == _MAX_KEYS:
            break
        with suppress(DocumentError, Failure):
            document = read_document(vault, entry, _Document, max_bytes=_MAX_BYTES)
            key = parse_key(document.key)
            if document.issuer == issuer and entry.key == vault_layout.issuer_key(
                issuer, key.key.thumbprint()
            ):
                keys.append(key)
    return tuple(keys)


def _signing_keys(issuer: str, key_set: bytes) -> list[dict[str, Any]]:
    try:
        keys = parse_json(key_set, max_bytes=_MAX_BYTES)["keys"]
    except (DocumentError, KeyError, TypeError):
        keys = None
    if not isinstance(keys, list):
        raise Failure(
            f"What {issuer} publishes is no set of keys.", "try again; see the issuer's status page."
        )
    signing: list[dict[str, Any]] = []
    for key in keys:
        with suppress(Failure):
            if isinstance(key, dict) and key.get("use", "sig") == "sig" and parse_key(key).kid:
                signing.append(key)
    return signing


def parse_key(key: Mapping[str, Any]) -> IssuerKey:
    """Return a public key. Raise Failure if it is none, or a key that signs as well as it verifies."""
    from joserfc.errors import JoseError  # noqa: PLC0415 - a tenth of a second, which other commands do without
    from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key  # noqa: PLC0415

    try:
        parsed = import_key(dict(key))
    except (JoseError, ValueError, TypeError, KeyError):
        parsed = None
    if not isinstance(parsed, RSAKey | ECKey | OKPKey) or parsed.is_private:
        raise Failure("A key of the issuer is no public key.", "see what the issuer publishes.")
    return IssuerKey(str(key.get("kid", "")), parsed)
