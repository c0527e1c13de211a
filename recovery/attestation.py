"""
Attestations: signatures under the documents of a vault that the vault's writer credentials can't make.

An attestation is a JSON Web Token whose audience is the SHA-256 of the document. In GitHub Actions it is the
job's OIDC token, which names the repository and the environment and needs no secret key; elsewhere an
operator signs with an Ed25519 key of their own. It lies beside its document and is written before it, so that
a document never waits for its attestation.
"""

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from core import vault_layout
from core.failure import Failure
from recovery.issuer_keys import IssuerKey, parse_keys, read_recorded_keys
from recovery.manifest import StoredObject
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey

AttestingJob = Literal["backup", "state", "restore", "drill", "elsewhere", "plan"]
"""The job that attests: `backup` manifests and journals of the database and the files, `state` those of the
state, `restore` verifications and disownments, `drill` the evidence of drills, `elsewhere` copies there,
`plan` readiness reports."""

IssueToken = Callable[[str], str]
"""Returns a signed token for the given audience. Raises Failure."""

KEY_VARIABLE: Final = "BULWARK_ATTESTATION_KEY"
"""Environment variable that names the file with an operator's private key."""

OPERATOR_ISSUER: Final = "bulwark-operator"
"""The issuer in a token that an operator's key signs."""

OTHER_DOCUMENT: Final = "has the attestation of another document"
"""The fault of a document that was changed after its job had attested it, or took its place."""

_ALGORITHMS: Final = ("RS256", "ES256", "Ed25519")
_MAX_TOKEN_BYTES: Final = 16 << 10
_REQUEST_SECONDS: Final = 10.0
_REQUEST_ATTEMPTS: Final = 3


@dataclass(frozen=True)
class Trust:
    """Whose attestations count for the vaults of one stack."""

    stack: str
    """Name of the stack; documents that name another one do not count."""

    issuer: str = ""
    """URL of the OIDC issuer, such as GitHub's; empty: there is none."""

    subjects: Mapping[AttestingJob, tuple[str, ...]] = field(
        default_factory=dict[AttestingJob, tuple[str, ...]]
    )
    """The subjects (claim `sub`) that the issuer gives to each job."""

    operator_keys: tuple[str, ...] = ()
    """Public keys of operators, as in OpenSSH's files: `ssh-ed25519 AAAA... comment`."""

    fetch_issuer_keys: Callable[[], bytes] | None = field(default=None, repr=False)
    """Asks the issuer for its JSON Web Key Set, for a key that the vault has not recorded. Raises Failure."""

    issuer_keys: tuple[IssuerKey, ...] = field(default=(), repr=False)
    """Keys of the issuer that are known without it and without a vault."""

    accepts_unattested: bool = False
    """Whether a document without an attestation counts, for a vault that has no trusted writer."""

    _keys: dict[str, tuple[IssuerKey, ...]] = field(default_factory=dict[str, Any], repr=False, compare=False)
    """Bucket -> the keys that its vault has recorded; of the key "" those of the issuer itself."""

    def find_fault(self, vault: VaultClient, document: bytes, token: bytes | None, job: AttestingJob) -> str:
        """
        Return why a document is not attested by the job; empty if it is.

        Args:
            vault: The vault that the document lies in. It has recorded the issuer's keys.
            document: The document's bytes.
            token: Its attestation; None if there is none.
            job: The job that may write such a document.
        """
        if token is None:
            return "" if self.accepts_unattested else "has no attestation"
        try:
            claims, issuer, subjects = self._decode(vault, token, job)
        except ValueError as error:
            return str(error)
        if claims.get("aud") != hashlib.sha256(document).hexdigest():
            return OTHER_DOCUMENT
        if claims.get("iss") != issuer:
            return "is attested by another issuer"
        if claims.get("sub") not in subjects:
            return f"is attested by {str(claims.get('sub'))[:200]!r}, who may not attest it"
        return ""

    def _decode(
        self, vault: VaultClient, token: bytes, job: AttestingJob
    ) -> tuple[Mapping[str, Any], str, tuple[str, ...]]:
        """Return a token's verified claims, the issuer that they must name, and the subjects that may be."""
        from joserfc import jws, jwt  # noqa: PLC0415 - a tenth of a second, which other commands do without
        from joserfc.errors import JoseError  # noqa: PLC0415

        wrong = "has an attestation whose signature is wrong"
        if len(token) > _MAX_TOKEN_BYTES:
            raise ValueError(wrong)
        try:
            kid = str(jws.extract_compact(token).headers().get("kid", ""))
        except (JoseError, ValueError, TypeError, RecursionError):
            raise ValueError(wrong) from None
        issuer, subjects, keys = self._find_keys(vault, kid, job)
        if not keys:
            raise ValueError(
                "is attested with a key that is neither recorded in the vault nor known to its issuer"
            )
        for key in keys:
            with suppress(JoseError, ValueError, TypeError, RecursionError):
                return jwt.decode(token, key, list(_ALGORITHMS)).claims, issuer, subjects
        raise ValueError(wrong)

    def _find_keys(
        self, vault: VaultClient, kid: str, job: AttestingJob
    ) -> tuple[str, tuple[str, ...], list[Any]]:
        """Return the issuer, the subjects and the public keys that a token with this key id may have."""
        for line in self.operator_keys:
            key = _read_public_key(line)
            if key.thumbprint() == kid:
                return OPERATOR_ISSUER, (kid,), [key]
        if not self.issuer or job not in self.subjects:
            return "", (), []
        recorded = self._keys.get(vault.bucket)
        if recorded is None:
            recorded = self._keys[vault.bucket] = read_recorded_keys(vault, self.issuer)
        keys = [one.key for one in (*self.issuer_keys, *recorded) if one.kid == kid]
        if not keys and self.fetch_issuer_keys:
            if "" not in self._keys:
                try:
                    self._keys[""] = parse_keys(self.issuer, self.fetch_issuer_keys())
                except Failure:
                    self._keys[""] = ()  # offline: only what the vault has recorded counts
            keys = [one.key for one in self._keys[""] if one.kid == kid]
        return self.issuer, self.subjects[job], keys


def group_subjects(
    *,
    backup: str,
    restore: str,
    state: str | None = None,
    drills: Collection[str] = (),
    elsewhere: str | None = None,
    plan: str | None = None,
) -> dict[AttestingJob, tuple[str, ...]]:
    """
    Return the subjects of each job, from those of the environments at GitHub.

    Most other jobs had the environments of the first two before they got their own, so that what these
    attest counts too.
    """
    return {
        "backup": (backup,),
        "state": (*([state] if state else []), backup),
        "restore": (restore,),
        "drill": (*drills, restore),
        "elsewhere": (*([elsewhere] if elsewhere else []), restore),
        "plan": (plan,) if plan else (),
    }


def put_attested(
    vault: VaultClient, key: str, document: bytes, issue_token: IssueToken | None
) -> StoredObject:
    """
    Store a document under a new key, and before it its attestation; without a signer only the document.

    Raises:
        Exists: the key is taken.
        Failure: the token can't be had, or the vault doesn't take one of both.
    """
    if issue_token:
        token = issue_token(hashlib.sha256(document).hexdigest())
        vault.put_document(vault_layout.attestation(key), token.encode())
    return vault.put(key, document)


def read_token(vault: VaultClient, entry: VersionEntry | None) -> bytes | None:
    """Return the attestation that a listing's entry names, at most a little of one that is too long."""
    if entry is None:
        return None
    if entry.bytes > _MAX_TOKEN_BYTES:
        return b"x" * (_MAX_TOKEN_BYTES + 1)
    return b"".join(vault.read(entry.key, entry.version))


def pair_with_attestations(
    entries: Iterable[VersionEntry],
) -> list[tuple[VersionEntry, VersionEntry | None]]:
    """Return each document of a listing with the entry of its attestation."""
    by_key = {entry.key: entry for entry in entries}
    return [
        (entry, by_key.get(vault_layout.attestation(key)))
        for key, entry in by_key.items()
        if not vault_layout.is_attestation(key)
    ]


def find_signer(environment: Mapping[str, str] | None = None) -> IssueToken | None:
    """
    Return what attests in this process; None if there is nothing.

    It is the job's identity at GitHub, or else the operator's key in the file that KEY_VARIABLE names.

    Raises:
        Failure: the operator's key can't be read.
    """
    values = os.environ if environment is None else environment
    if identity := find_job_identity(values):
        return identity
    if file := values.get(KEY_VARIABLE):
        return sign_with(Path(file))
    return None


def find_job_identity(environment: Mapping[str, str] | None = None) -> IssueToken | None:
    """Return what issues the tokens of the job at GitHub that this process runs in; None outside of one."""
    values = os.environ if environment is None else environment
    url, secret = (values.get(f"ACTIONS_ID_TOKEN_REQUEST_{name}") for name in ("URL", "TOKEN"))
    return (lambda audience: _request_token(url, secret, audience)) if url and secret else None


def sign_with(file: Path) -> IssueToken:
    """
    Return the signer of an operator's Ed25519 key, in OpenSSH's format or PEM, without a passphrase.

    Raises:
        Failure: the file is no such key, or others may read it.
    """
    key = _read_private_key(file)

    def issue(audience: str) -> str:
        from joserfc import jwt  # noqa: PLC0415 - as in Trust

        kid = key.thumbprint()
        claims = {"iss": OPERATOR_ISSUER, "sub": kid, "aud": audience, "iat": int(time.time())}
        return jwt.encode({"alg": "Ed25519", "kid": kid}, claims, key, ["Ed25519"])

    return issue


def require_public_key(line: str) -> str:
    """Return an operator's public key unchanged. Raise ValueError if it is no Ed25519 key of OpenSSH."""
    _read_public_key(line)
    return line


def _read_public_key(line: str) -> "OKPKey":
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as in Trust
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key  # noqa: PLC0415
    from joserfc.jwk import OKPKey  # noqa: PLC0415

    with suppress(ValueError, UnsupportedAlgorithm):
        key = load_ssh_public_key(line.encode())
        if isinstance(key, Ed25519PublicKey):
            return OKPKey.import_key(key)
    raise ValueError("is no public key of the form `ssh-ed25519 AAAA...`")


def _read_private_key(file: Path) -> "OKPKey":
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as in Trust
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from joserfc.jwk import OKPKey  # noqa: PLC0415

    make_one = "make one: ssh-keygen -t ed25519 -N '' -f FILE, and name its public half in the settings."
    try:
        if file.stat().st_mode & 0o077:
            raise Failure(f"{file} is readable by others.", f"chmod 600 {file}")
        content = file.read_bytes()
    except OSError as error:
        raise Failure(f"The attestation key {file} can't be read: {error.strerror}.", make_one) from None
    load = (
        serialization.load_ssh_private_key
        if b"OPENSSH PRIVATE KEY" in content
        else serialization.load_pem_private_key
    )
    try:
        key = load(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Failure(f"The attestation key {file} is no Ed25519 key without a passphrase.", make_one)
    return OKPKey.import_key(key)


def _request_token(url: str, secret: str, audience: str) -> str:
    """
    Request the job's OIDC token (GitHub Docs, "OpenID Connect reference", "Methods for requesting").

    Raises:
        Failure: GitHub gives none.
    """
    import httpx  # noqa: PLC0415 - a fifth of a second, which other commands do without

    cause = ""
    for attempt in range(_REQUEST_ATTEMPTS):
        time.sleep(attempt)
        try:
            response = httpx.get(
                url,
                params={**dict(httpx.URL(url).params), "audience": audience},
                headers={"Authorization": f"Bearer {secret}"},
                timeout=_REQUEST_SECONDS,
            )
            response.raise_for_status()
            return str(response.json()["value"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            # Not the error's text: it may hold the URL.
            cause = type(error).__name__
    raise Failure(
        "GitHub gave no OIDC token, to attest with or to take a role on.",
        "see that the job has `permissions: id-token: write`, and run it again.",
        cause,
    )
