"""An operator's key that tests attest with, and the trust in it; the same in every process."""

import atexit
import hashlib
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from recovery.attestation import Trust, sign_with


def make_key(name: str) -> tuple[Path, str]:
    """Return a file with a private key that is derived from a name, and the public key's line."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    file = Path(folder.name) / "key"
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


_FILE, _PUBLIC = make_key("tests")
SIGN = sign_with(_FILE)
TRUST = Trust("test", operator_keys=(_PUBLIC,))


def trust_of(stack: str) -> Trust:
    """Return the trust in the tests' key for a stack of another name than `test`."""
    return Trust(stack, operator_keys=(_PUBLIC,))
