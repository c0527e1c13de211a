"""Sessions of botocore that read each description of an AWS service once for all of them."""

import gzip
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
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


class _Descriptions(botocore.loaders.Loader):
    """All descriptions. botocore's loader looks into the folders of 400 services before it reads one's."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the names of what may be a service; without the description it is not found afterwards."""
        del type_name
        folders = [folder for folder in map(Path, self.search_paths) if folder.is_dir()]
        return [service.name for folder in folders for service in folder.iterdir()]


@cache
def _loader() -> Any:
    paths: str = botocore.session.Session().get_config_variable("data_path") or ""  # AWS_DATA_PATH
    found = [str(Path(os.path.expandvars(path)).expanduser()) for path in paths.split(os.pathsep) if path]
    loader = _Descriptions(extra_search_paths=found)
    loader.file_loader = _DescriptionFiles()
    return loader
