"""Known causes for which a setup tool fails, each with the next step."""

import errno
import re

from core.failure import Failure

_AGAIN = "then run the same command again; nothing half done is in its way."

_CAUSES = (
    (
        r"No space left on device|Disk quota exceeded|os error 28\b",
        "the disk is full",
        f"free about 3 GB for the checkout and the cache folder (~/.cache, or XDG_CACHE_HOME), {_AGAIN}",
    ),
    (
        r"Permission denied|Read-only file system|Operation not permitted",
        "a folder cannot be written",
        f"make the checkout and the cache folder (~/.cache, or XDG_CACHE_HOME) yours and writable, {_AGAIN}",
    ),
    (
        r"No module named '?ensurepip|ensurepip is disabled",
        "this Python comes without ensurepip",
        "install its venv package (python3-venv on Debian and Ubuntu) or uv, then run this again.",
    ),
    (
        r"hash mismatch|do not match the hashes|checksum mismatch",
        "a download is not the file that the lock file names",
        "do not go on with this network or mirror; if the lock file was edited by hand, restore it.",
    ),
    (
        r"dns error|name resolution|name or service not known|no such host|connection refused"
        r"|connect error|network is unreachable|timed out|error sending request|no matching distribution"
        r"|network was disabled|proxyconnect|i/o timeout|newconnectionerror",
        "the package registry cannot be reached",
        f"check the network, the proxy and the mirrors (HTTPS_PROXY, UV_DEFAULT_INDEX, GOPROXY), {_AGAIN}",
    ),
)


def explain_machine(error: OSError) -> Failure | None:
    """Return a failure for what is wrong with this machine or its environment; None for any other error."""
    where = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Failure(
                f"The disk is full ({where}).",
                "free some, or name another folder in TMPDIR, XDG_CACHE_HOME or BULWARK_TWIN; then the same "
                "again.",
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return Failure(
                f"A file or folder can't be used ({where}).",
                "make it yours and writable, or name another: HOME or XDG_CACHE_HOME for tools, TMPDIR for "
                "what is passing, BULWARK_TWIN for the twin.",
            )
        case errno.ENOENT if "temporary directory" in str(error):
            return Failure(
                "There is no folder for temporary files, neither in TMPDIR nor /tmp, /var/tmp and here.",
                "make one of them writable, and give it room.",
            )
        case errno.ENOENT if error.filename and "/" not in str(error.filename):
            return Failure(f"There is no program {error.filename} on PATH.", "install it, or correct PATH.")
        case _:
            return None


def explain(what: str, output: str) -> Failure:
    """Return a failure with cause and next step, from a tool's last output or an OSError's text."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for pattern, cause, next_step in _CAUSES:
        matching = [line for line in lines if re.search(pattern, line, re.IGNORECASE)]
        if matching:
            return Failure(f"{what} failed: {cause}.", next_step, matching[-1])
    return Failure(f"{what} failed.", f"look into what the tool said, {_AGAIN}", "\n".join(lines[-5:]))
