"""
The twin's file store, in place of Supabase Storage: buckets without versions, behind the S3 protocol.

It is rclone's S3 server on a folder. Like Supabase it checks access keys, and keeps nothing of an object that
is overwritten or deleted. moto, the twin's AWS, keeps versions, and object names that no file can have.
Names with control characters are refused here with 500, and by Supabase with 400 InvalidKey, as are letters
beyond ASCII (supabase/storage, src/storage/limits.ts), which this server takes.
"""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from twin.host.home import TwinHome
from twin.sample_app import hiring
from twin.sample_app.draw import Draw, Size

KEY_SECRETS: Final = ("files_access_key_id", "files_secret_access_key")
"""The names of the store's access key among the secrets of the twin's home."""


def server_argv(home: TwinHome) -> tuple[str, ...]:
    """Return the server's command line. It caches no folder listing, so that it sees new files at once."""
    rclone = Path(sys.executable).with_name("rclone")
    address = f"127.0.0.1:{home.port('files')}"
    return (str(rclone), "serve", "s3", "--addr", address, "--dir-cache-time", "0s", str(home.files))


def server_environment(home: TwinHome) -> tuple[tuple[str, str], ...]:
    """Return the server's environment variables: its access key, and no configuration file."""
    key, secret = (home.secret(name) for name in KEY_SECRETS)
    return ("RCLONE_AUTH_KEY", f'"{key},{secret}"'), ("RCLONE_CONFIG", "")


def create_buckets(home: TwinHome, buckets: Iterable[str]) -> None:
    """Create buckets, unless they exist. At Supabase, too, they exist before the stack."""
    for bucket in buckets:
        (home.files / bucket).mkdir(mode=0o700, parents=True, exist_ok=True)


def seed(home: TwinHome, bucket: str, scale: int) -> int:
    """
    Fill an empty bucket with one object per row of the sample's table `files`; return their number.

    A bucket that has an object stays as it is: changes and deletions in it are kept.
    """
    folder = home.files / bucket
    if any(folder.iterdir()):
        return 0
    # Filled under another name and then renamed: an interrupted call leaves an empty bucket.
    partial = home.files / f".{bucket}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    count = 0
    for _, key, _, _, _, uploaded in hiring.files(Size(scale), Draw("files")):
        path = partial / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(hiring.file_body(key))
        os.utime(path, (uploaded.timestamp(), uploaded.timestamp()))
        count += 1
    folder.rmdir()
    partial.rename(folder)
    return count


def remove_buckets(home: TwinHome) -> None:
    """Remove all buckets with their objects; for a platform that was destroyed."""
    for folder in home.files.iterdir() if home.files.exists() else ():
        shutil.rmtree(folder)
