"""
The vendors' release archives of the engine and of its plugins, checked against a committed file of hashes.

Nothing is unpacked, and nothing of it runs, before its SHA-256 is the one in `releases.sha256`. The archives
come from the vendors' releases at GitHub, or from a mirror.
"""

import hashlib
import os
import platform
import re
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.response import addinfourl

from core.archives import unpack
from core.failure import Failure
from core.text import printable
from toolchain.causes import explain
from toolchain.step import StepProgress

FILE: Final = Path(__file__).with_name("releases.sha256")
MIRROR: Final = "BULWARK_RELEASES"
"""Environment variable: an address that has the same paths as https://github.com."""

PLATFORMS: Final = (("linux", "amd64"), ("linux", "arm64"), ("darwin", "amd64"), ("darwin", "arm64"))
"""Operating system and processor, as Go names them, for which archives are locked."""

_SILENCE_SECONDS: Final = 5
"""Socket timeout: a network that drops packets must not stop the setup for minutes."""

_LIMIT_SECONDS: Final = 900
_LARGEST_BYTES: Final = 1 << 30
_LARGEST_LIST_BYTES: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 20

_CREDENTIALS: Final = (
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
)


class UnreachableError(Exception):
    """An archive can't be downloaded; the text says why."""


@dataclass(frozen=True)
class Release:
    """One version of one program, with one archive for each platform."""

    repository: str
    """`owner/name` at GitHub."""

    version: str
    archive: str
    """Name of an archive, with `{version}`, `{system}` and `{processor}`."""

    lists: tuple[str, ...]
    """Names of the vendor's own lists of hashes, with `{version}`; those that exist are compared."""

    layout: Literal["pulumi", "plugin", "terraform"]
    folder: str
    """Where it belongs below the target, with `{system}` and `{processor}`."""

    def archive_for(self, system: str, processor: str) -> str:
        cpu = {"amd64": "x64"}.get(processor, processor) if self.layout == "pulumi" else processor
        return self.archive.format(version=self.version, system=system, processor=cpu)

    def address(self, file: str) -> str:
        root = os.environ.get(MIRROR, "https://github.com").rstrip("/")
        return f"{root}/{self.repository}/releases/download/v{self.version}/{file}"


def is_job_with_credentials(environment: Mapping[str, str]) -> bool:
    """
    Tell whether this is a job of a CI system that holds a credential.

    CI systems set `CI`. On a person's machine an unchecked program is that person's own decision.
    """
    in_job = environment.get("CI", "").lower() not in {"", "0", "false"}
    return in_job and any(environment.get(name) for name in _CREDENTIALS)


def this_platform() -> tuple[str, str]:
    """Return operating system and processor of this machine, as Go names them."""
    processor = platform.machine().lower()
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return platform.system().lower(), names.get(processor, processor)


def read_hashes() -> dict[str, str]:
    """Return the locked hashes. Raise Failure if the file has another format."""
    hashes: dict[str, str] = {}
    for line in FILE.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([0-9a-f]{64})  ([\w.-]+)", line)
        if not match or match[2] in hashes:
            raise Failure(
                f"{FILE.name} has a line of another format: {line[:100]}", "restore the file from git."
            )
        hashes[match[2]] = match[1]
    return hashes


def find_hash(release: Release) -> str | None:
    """Return the hash of the release's archive for this platform; None if it is not locked."""
    return read_hashes().get(release.archive_for(*this_platform()))


def require_hash(release: Release) -> str:
    """Return the hash of the release's archive for this platform. Raise Failure if it is not locked."""
    if sha256 := find_hash(release):
        return sha256
    raise Failure(
        f"{FILE.name} has no hash of {release.archive_for(*this_platform())}, so it is not installed.",
        "run ./bulwark toolchain lock on a machine with a network, and commit the file after a review.",
    )


def install(release: Release, sha256: str, target: Path) -> None:
    """
    Download the release for this platform, check it, and unpack it below `target`.

    Raises:
        UnreachableError: it can't be downloaded.
        Failure: it is not the file with this hash; nothing of it was unpacked.
    """
    system, processor = this_platform()
    name = release.archive_for(system, processor)
    download = target / f"{name}.download"
    found = fetch(release.address(name), download)[0]
    if found != sha256:
        download.unlink()
        raise Failure(
            f"{name} is not the file that {FILE.name} names: its SHA-256 is {found}, and not {sha256}.",
            "do not go on with this network or mirror, and compare the hash with the vendor's.",
        )
    folder = target / release.folder.format(system=system, processor=processor)
    folder.mkdir(parents=True, exist_ok=True)
    if release.layout == "terraform":
        with zipfile.ZipFile(download) as archive:
            for member in archive.namelist():
                archive.extract(member, folder)
        for program in folder.glob("terraform-provider-*"):
            program.chmod(0o755)  # zipfile drops the modes
    else:
        with tarfile.open(download) as archive:
            unpack(archive, folder)
    download.unlink()
    if release.layout == "pulumi":
        (folder / "pulumi").rename(folder / "bin")


def fetch(address: str, file: Path) -> tuple[str, str]:
    """Download into a file and return its SHA-256 and SHA-512. Raise UnreachableError if that fails."""
    progress = StepProgress(f"Downloading {address.rpartition('/')[2]}")
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    try:
        with _open(address) as response, file.open("wb") as target:
            while chunk := response.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > _LARGEST_BYTES or progress.elapsed_seconds > _LIMIT_SECONDS:
                    raise OSError(f"timed out, or larger than {_LARGEST_BYTES >> 20} MiB")  # noqa: TRY301
                sha256.update(chunk)
                sha512.update(chunk)
                target.write(chunk)
                progress.show()
    except OSError as error:
        progress.close("failed")
        file.unlink(missing_ok=True)
        raise UnreachableError(printable(f"{address}: {error}")) from error
    except BaseException:
        progress.close("stopped")
        file.unlink(missing_ok=True)
        raise
    progress.close("done")
    return sha256.hexdigest(), sha512.hexdigest()


def lock(releases: Sequence[Release], folder: Path, *, anew: bool = False) -> dict[str, str]:
    """
    Return the hashes of all archives of all platforms; download those that are not locked yet, or all `anew`.

    Args:
        releases: What to lock.
        folder: Where a download lies while it is read.
        anew: Whether what is locked is downloaded again and compared.

    Raises:
        Failure: an archive can't be had, differs from the vendor's own list, or from what was locked.
    """
    before, hashes = read_hashes(), dict[str, str]()
    for release in releases:
        listed = _read_lists(release)
        for system, processor in PLATFORMS:
            name = release.archive_for(system, processor)
            if name in before and not anew:
                hashes[name] = before[name]
                continue
            try:
                found = fetch(release.address(name), folder / name)
            except UnreachableError as error:
                raise explain(f"Downloading {name}", str(error)) from error
            (folder / name).unlink()
            _require_same(name, found, (*listed.get(name, ()), *filter(None, [before.get(name)])))
            hashes[name] = found[0]
    return hashes


def write_hashes(hashes: Mapping[str, str]) -> None:
    """Replace the locked hashes, name of an archive -> SHA-256 in hexadecimal; comments stay."""
    header = [line for line in FILE.read_text().splitlines(keepends=True) if line.startswith("#")]
    lines = [f"{sha256}  {name}\n" for name, sha256 in hashes.items()]
    partial = FILE.with_name(f"{FILE.name}.partial")
    partial.write_text("".join((*header, *lines)))
    partial.replace(FILE)


def _require_same(name: str, found: tuple[str, str], expected: Sequence[str]) -> None:
    for digest in expected:
        if digest not in found:
            raise Failure(
                f"{name} has the SHA-256 {found[0]}, and the vendor's list or {FILE.name} says {digest}.",
                "lock nothing by this network; ask the vendor whether the release was replaced.",
            )


def _read_lists(release: Release) -> dict[str, list[str]]:
    """Return name -> hashes in hexadecimal, of the vendor's own lists as far as they exist."""
    listed: dict[str, list[str]] = {}
    for template in release.lists:
        address = release.address(template.format(version=release.version))
        try:
            with _open(address) as response:
                text = response.read(_LARGEST_LIST_BYTES).decode(errors="replace")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                continue
            raise explain(f"Downloading {address}", str(error)) from error
        except OSError as error:
            raise explain(f"Downloading {address}", str(error)) from error
        for line in text.splitlines():
            if match := re.fullmatch(
                r"([0-9a-fA-F]{64}|[0-9a-fA-F]{128})\s+\*?(?:\./)?([\w.-]+)", line.strip()
            ):
                listed.setdefault(match[2], []).append(match[1].lower())
    return listed


def _open(address: str) -> addinfourl:
    if not address.startswith(("https://", "http://")):
        raise OSError(f"{MIRROR} names no HTTP address")
    return urllib.request.urlopen(address, timeout=_SILENCE_SECONDS)  # noqa: S310 - checked above
