"""Sessions of botocore that read each description of an AWS service once for all of them."""

import gzip
from contextlib import suppress
from functools import cache
from typing import Any

import botocore.loaders
import botocore.session
from pydantic_core import from_json


def open_session(*, profile: str | None = None) -> Any:
    """
    Return a session of its own: its credentials and handlers are no other's.

    A plain session reads the descriptions (the endpoints, S3's operations) for itself, and with them a client
    takes three times as long to make.
    """
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _loader())
    return session


class _DescriptionFiles(botocore.loaders.JSONFileLoader):
    """The files of the descriptions, read by pydantic's parser: botocore's makes OrderedDicts of them."""

    def load_file(self, file_path: str) -> Any:
        """Return the content of a file, whose extension is added; None if there is none."""
        for extension, open_file in ((".json", open), (".json.gz", gzip.open)):
            with suppress(FileNotFoundError), open_file(f"{file_path}{extension}", "rb") as file:
                return from_json(file.read())
        return None


@cache
def _loader() -> Any:
    path = botocore.session.Session().get_config_variable("data_path")  # AWS_DATA_PATH
    loader = botocore.loaders.create_loader(path)
    loader.file_loader = _DescriptionFiles()
    return loader
