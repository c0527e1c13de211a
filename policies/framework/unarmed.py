"""
The monitors that `./bulwark` makes unarmed, because their address has not answered yet.

They are judged as the program declares them: as soon as the address answers, `./bulwark up` makes them so.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import struct_pb2

from core.arming import SWITCHES, UNARMED_VARIABLE


def arm_declared(resources: Iterable[Any], declared_inputs: Mapping[str, struct_pb2.Struct]) -> None:
    """Arm, in the declared inputs by URN, the monitors that the file names, if the environment names one."""
    path = os.environ.get(UNARMED_VARIABLE)
    if not path:
        return
    names = set(json.loads(Path(path).read_text()))
    for resource in resources:
        switch = SWITCHES.get(resource.type)
        inputs = declared_inputs.get(resource.urn)
        if switch and inputs and resource.name in names:
            inputs.fields[switch.name].bool_value = switch.armed
