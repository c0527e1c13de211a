"""Tar archives are unpacked without trust in what they say."""

import shutil
import tarfile
from pathlib import Path, PurePosixPath


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """
    Unpack files and folders into `folder`. A file is executable, or not, as its owner's.

    `extractall(filter="data")` is not in every Python 3.11: Debian 12 has 3.11.2, which lacks the filter.

    Raises:
        tarfile.ExtractError: a member is something else, such as a link, or would lie outside of `folder`.
    """
    for member in archive:
        path = PurePosixPath(member.name)
        content = archive.extractfile(member) if member.isfile() else None
        if path.is_absolute() or ".." in path.parts or not (content or member.isdir()):
            raise tarfile.ExtractError(f"{member.name!r} is no file or folder below that of the archive")
        target = folder / path
        (target.parent if content else target).mkdir(parents=True, exist_ok=True)
        if content:
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
            target.chmod(0o755 if member.mode & 0o100 else 0o644)
