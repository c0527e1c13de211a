"""An archive is unpacked as files and folders; whatever else is in it, or leads out of it, is refused."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from core.archives import unpack


def make_member(
    name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mode: int = 0o640
) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, link, mode
    return member


def unpack_members(members: Iterable[tarfile.TarInfo], folder: Path) -> None:
    """Unpack an archive whose files all have the same content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            member.size = len(b"content") if member.isreg() else 0
            archive.addfile(member, io.BytesIO(b"content") if member.isreg() else None)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        unpack(archive, folder)


def test_files_and_folders_are_unpacked_and_programs_stay_executable(tmp_path: Path) -> None:
    members = (
        make_member("empty", tarfile.DIRTYPE, mode=0o777),
        make_member("./folder/program", mode=0o4777),
        make_member("folder/data", mode=0o666),
        make_member("folder/data", mode=0o600),  # the last one counts
    )
    unpack_members(members, tmp_path)
    modes = {
        str(path.relative_to(tmp_path)): oct(path.stat().st_mode & 0o7777)
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert modes == {"folder/program": "0o755", "folder/data": "0o644"}
    assert (tmp_path / "folder" / "program").read_bytes() == b"content"
    assert (tmp_path / "empty").is_dir()


@pytest.mark.parametrize(
    "member",
    [
        make_member("/absolute"),
        make_member("../outside"),
        make_member("folder/../../outside"),
        make_member("..", tarfile.DIRTYPE),
        make_member("link", tarfile.SYMTYPE, link="/etc/hostname"),
        make_member("link", tarfile.SYMTYPE, link="file"),
        make_member("link", tarfile.LNKTYPE, link="file"),
        make_member("pipe", tarfile.FIFOTYPE),
        make_member("device", tarfile.CHRTYPE),
    ],
    ids=lambda member: f"{member.name} {member.type.decode()} {member.linkname}".rstrip(),
)
def test_whatever_else_an_archive_has_is_refused(member: tarfile.TarInfo, tmp_path: Path) -> None:
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True)
    with pytest.raises(tarfile.ExtractError, match="no file or folder below"):
        unpack_members([make_member("file"), member], folder)
    assert [path.relative_to(folder) for path in tmp_path.rglob("*") if path.is_file()] == [Path("file")]
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))
