"""Lock files that no other user of the machine can open, and so hold."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE


@contextmanager
def open_lock_file(path: Path) -> Generator[int]:
    """
    Yield the descriptor of a lock file of mode 0600, which is made if there is none.

    Closing it, or the end of the process, releases the lock that the caller takes on it.

    Raises:
        OSError: the file can't be made, or is another user's.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if S_IMODE(os.fstat(descriptor).st_mode) & 0o077:  # of an older version
            os.fchmod(descriptor, 0o600)
        yield descriptor
    finally:
        os.close(descriptor)
