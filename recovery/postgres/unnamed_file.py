"""Files without a name: the system removes them when the process ends, however it ends."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

_DESCRIPTORS: Final = Path("/proc/self/fd")


class UnnamedFile:
    """
    A file that this process and its children reach by their descriptor, as a context manager.

    Where the system can't open a descriptor's file anew (outside of Linux), the file has a name and is
    removed at the end.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` decides the disk; by default it is that of temporary files."""
        folder = folder or Path(tempfile.gettempdir())
        self._name: Path | None = None
        try:
            self.descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except (OSError, AttributeError):  # not every file system has O_TMPFILE
            self.descriptor, name = tempfile.mkstemp(prefix="bulwark-", dir=folder)
            self._name = Path(name)
        if self._name and _DESCRIPTORS.is_dir():
            self._name.unlink()
            self._name = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        return self._name or _DESCRIPTORS / str(self.descriptor)

    def write(self, chunk: bytes) -> None:
        """Append a chunk."""
        view = memoryview(chunk)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def close(self) -> None:
        """Remove the file. A second call does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        if self._name:
            with suppress(FileNotFoundError):
                self._name.unlink()


def inherited_descriptors(*paths: Path) -> tuple[int, ...]:
    """Return the descriptors that a child process needs to open unnamed files by their paths."""
    return tuple(_find_descriptors(paths))


def _find_descriptors(paths: tuple[Path, ...]) -> Iterator[int]:
    for path in paths:
        if path.parent == _DESCRIPTORS:
            yield int(path.name)
