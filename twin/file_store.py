"""
The platform's file store, in place of Supabase Storage: buckets behind the S3 protocol, without versions.

It is rclone's server on a folder, which checks keys, and forgets what is overwritten or deleted as Supabase
does. moto, which serves as AWS here, has objects that no file system has a name for, and takes any key.
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
"""The names under which the home keeps the store's access key."""


def program(home: TwinHome) -> tuple[str, ...]:
    """Return the server's arguments; it caches no folder, so that it sees at once what is put there."""
    rclone = Path(sys.executable).with_name("rclone")
    address = f"127.0.0.1:{home.port('files')}"
    return (str(rclone), "serve", "s3", "--addr", address, "--dir-cache-time", "0s", str(home.files))


def variables(home: TwinHome) -> tuple[tuple[str, str], ...]:
    """Return the server's environment: its access key, and no configuration file."""
    key, secret = (home.secret(name) for name in KEY_SECRETS)
    return ("RCLONE_AUTH_KEY", f'"{key},{secret}"'), ("RCLONE_CONFIG", "")


def make_buckets(home: TwinHome, buckets: Iterable[str]) -> None:
    """Make buckets that are empty; Supabase's are there before the stack is, too."""
    for bucket in buckets:
        (home.files / bucket).mkdir(mode=0o700, parents=True, exist_ok=True)


def seed(home: TwinHome, bucket: str, scale: int) -> int:
    """
    Put the object of each row of the sample's table `files` into a bucket, once; return how many are new.

    A bucket that has something is left alone: what was changed or deleted there is no sample any more.
    """
    folder = home.files / bucket
    if any(folder.iterdir()):
        return 0
    # Filled aside and then renamed: an interrupted call leaves an empty bucket.
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


def empty(home: TwinHome) -> None:
    """Forget all objects, as those of a platform that is gone."""
    for folder in home.files.iterdir() if home.files.exists() else ():
        shutil.rmtree(folder)
