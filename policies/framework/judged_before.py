"""
What the engine sent of another program, to be judged together with this one.

A platform's vaults, keys and roles are declared by its administrator's program. The pack writes what it has
judged of that one into a file, and judges the platform's resources together with those in the file.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2

WRITE_VARIABLE: Final = "BULWARK_JUDGED_TO"
"""Names the file to write. The caller chooses a private folder: what a program declares may be secret."""

READ_VARIABLE: Final = "BULWARK_JUDGED_BEFORE"
"""Names the file to read. Without it, a program is judged by itself."""

_LOOK_SECONDS: Final = 0.02


def mark_of_run(path: Path) -> Path:
    """Return the file that is there while the program runs whose resources are written into `path`."""
    return path.with_name(f"{path.name}.runs")


def write(resources: Iterable[Any], declared_inputs: Mapping[str, struct_pb2.Struct]) -> None:
    """Write the messages and the declared inputs by URN into the file that the environment names, if any."""
    if path := os.environ.get(WRITE_VARIABLE):
        found = [
            {
                "resource": json_format.MessageToDict(resource),
                "declared": json_format.MessageToDict(declared_inputs[resource.urn])
                if resource.urn in declared_inputs
                else None,
            }
            for resource in resources
        ]
        partial = Path(f"{path}.partial")
        partial.write_text(json.dumps(found))
        partial.rename(path)


def read() -> tuple[list[Any], dict[str, struct_pb2.Struct]]:
    """
    Return the messages and the declared inputs by URN in the file that the environment names.

    Where the other program runs at the same time, this waits for the file as long as that lasts.

    Raises:
        FileNotFoundError: there is none.
    """
    path = os.environ.get(READ_VARIABLE)
    if not path:
        return [], {}
    while not Path(path).exists() and mark_of_run(Path(path)).exists():
        time.sleep(_LOOK_SECONDS)
    resources: list[Any] = []
    declared: dict[str, struct_pb2.Struct] = {}
    for judged in json.loads(Path(path).read_text()):
        resource = json_format.ParseDict(judged["resource"], analyzer_pb2.AnalyzerResource())
        resources.append(resource)
        if judged["declared"] is not None:
            declared[resource.urn] = json_format.ParseDict(judged["declared"], struct_pb2.Struct())
    return resources, declared
