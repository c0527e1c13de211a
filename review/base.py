"""
The commit that a change is compared with: its policy pack, and which of the files that judge a change differ.

Git is asked, and nothing of that commit but `policies` and `core` is read. The pack runs beside the
checkout's own, in the same preview (review/base_pack).
"""

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.archives import unpack
from core.text import printable

PACK: Final = Path(__file__).parent / "base_pack"

_PARTS: Final = ("policies", "core")
"""Folders that a pack consists of: the only ones that policies import (tests/unit/test_structure.py)."""

_WAIVERS: Final = "policies/waivers.yaml"
_DEFAULT_BRANCHES: Final = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_TIMEOUT_SECONDS: Final = 60
_OF_A_HOOK: Final = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
}

GUARDS: Final = {
    "waivers": (_WAIVERS, "policies/undeclared.yaml"),
    "configuration of the policies": ("policies/config/",),
    "policies": ("policies/",),
    "workflows and reviewers": (".github/", "renovate.json"),
    "lock files": (
        "requirements.lock",
        "pyproject.toml",
        "Pulumi.yaml",
        "sdks/",
        "toolchain/go.mod",
        "toolchain/go.sum",
        "toolchain/releases.sha256",
        "toolchain/requirements-go.lock",
        "toolchain/requirements-uv.lock",
    ),
    "the review and what runs it": ("bulwark", "review/", "cli/", "core/", "engine/", "toolchain/"),
}
"""What judges a change -> its files and folders. A file belongs to the first that names it."""

ChangeOfFile = str
"""`added`, `changed` or `deleted`."""

_CHANGES: Final[dict[str, ChangeOfFile]] = {"A": "added", "D": "deleted"}


class BaseError(Exception):
    """The base can't be had; the text says why."""


@dataclass(frozen=True)
class ChangedFile:
    """A file that judges changes, and differs from the base."""

    guard: str
    """A key of GUARDS."""

    path: str
    change: ChangeOfFile


def find_commit(checkout: Path, revision: str | None, environment: Mapping[str, str]) -> str:
    """
    Return the commit that the checkout is compared with.

    Without a revision it is the merge base of HEAD and the branch that a pull request merges into
    (`GITHUB_BASE_REF`), or else the default branch.

    Raises:
        BaseError: there is none, or git can't tell.
    """
    top = _git(checkout, "rev-parse", "--show-toplevel").decode().strip()
    if Path(top).resolve() != checkout.resolve():
        raise BaseError(f"{checkout} is no repository of its own")
    if revision:
        commit = _resolve(checkout, revision)
        if not commit:
            raise BaseError(f"git knows no commit {printable(revision)[:100]}; a shallow clone may lack it")
        return commit
    target = environment.get("GITHUB_BASE_REF")
    branches = (f"origin/{target}",) if target else _DEFAULT_BRANCHES
    branch = next((name for name in branches if _resolve(checkout, name)), None)
    if not branch:
        raise BaseError(f"git knows none of {', '.join(branches)}; name the base with --base")
    try:
        return _git(checkout, "merge-base", "HEAD", branch).decode().strip()
    except BaseError:
        raise BaseError(f"HEAD and {branch} have no common commit; a shallow clone may lack it") from None


def list_changed_files(checkout: Path, commit: str) -> list[ChangedFile]:
    """
    Return the files of GUARDS that differ between the commit and the checkout, also those not yet in git.

    Raises:
        BaseError: git can't tell.
    """
    fields = _git(checkout, "diff", "--no-ext-diff", "--no-renames", "--name-status", "-z", commit, "--")
    words = iter(fields.decode(errors="replace").split("\0"))
    found = {path: _CHANGES.get(status, "changed") for status, path in zip(words, words, strict=False)}
    untracked = _git(checkout, "ls-files", "--others", "--exclude-standard", "-z").decode(errors="replace")
    found |= {path: "added" for path in untracked.split("\0") if path}
    changed = [ChangedFile(guard, path, found[path]) for path in found if (guard := guard_of(path))]
    order = list(GUARDS)
    return sorted(changed, key=lambda file: (order.index(file.guard), file.path))


def guard_of(path: str) -> str | None:
    """Return the key of GUARDS that a path belongs to."""
    for guard, names in GUARDS.items():
        if any(path.startswith(name) if name.endswith("/") else path == name for name in names):
            return guard
    return None


def changes_pack(files: list[ChangedFile]) -> bool:
    """Tell whether a pack with these files changed can judge otherwise. Waivers are the change's own."""
    folders = tuple(f"{part}/" for part in _PARTS)
    return any(file.path.startswith(folders) and file.path != _WAIVERS for file in files)


def extract_pack(checkout: Path, commit: str, folder: Path) -> None:
    """
    Put the commit's pack into a folder, with the checkout's waivers.

    A waiver is an exception with an owner and an end, and is shown; the base's rules decide whether it is
    valid. If the base's waivers held, no change could ever bring the waiver that it needs.

    Raises:
        BaseError: the commit has no pack.
    """
    try:
        archive = _git(checkout, "archive", "--format=tar", commit, *_PARTS)
    except BaseError as error:
        raise BaseError(f"{commit[:12]} has no policies to run: {error}") from None
    waivers, own = folder / _WAIVERS, checkout / _WAIVERS
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            unpack(files, folder)
        waivers.unlink(missing_ok=True)
        if own.exists():
            waivers.write_bytes(own.read_bytes())
    except (OSError, tarfile.TarError) as error:
        raise BaseError(f"the policies of {commit[:12]} can't be unpacked: {error}") from error


def environment_of(folder: Path, report: Path) -> dict[str, str]:
    """Return what PACK needs to run the pack in `folder` and write its report to `report`."""
    return {"BULWARK_BASE_PACK": str(folder), "BULWARK_BASE_REPORT": str(report)}


def _resolve(checkout: Path, revision: str) -> str:
    """Return the commit's id; empty if git knows no such revision."""
    try:
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return _git(checkout, *words).decode().strip()
    except BaseError:
        return ""


def _git(checkout: Path, *arguments: str) -> bytes:
    # A hook's own variables, such as GIT_DIR, would lead to another repository.
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    environment |= {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        ended = subprocess.run(
            ["git", "-C", checkout, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except FileNotFoundError:
        raise BaseError("git is not on PATH") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BaseError(f"git can't be asked: {error}") from error
    if ended.returncode:
        lines = ended.stderr.decode(errors="replace").strip().splitlines()
        raise BaseError(printable(lines[0] if lines else f"git {arguments[0]} failed")[:300])
    return ended.stdout
