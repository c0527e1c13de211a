"""
Writes what the engine sends about a stack into the file that BULWARK_RECORDING names.

One object per resource: what it declares, and its outputs where they differ; a provider's inputs are with the
provider alone. Secrets are replaced, so that the file can be committed.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import PolicyPack, StackValidationPolicy, policy

_FILE: Final = Path(os.environ["BULWARK_RECORDING"])
_KIND: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Recorder(policy._PolicyAnalyzerServicer):  # noqa: SLF001 - no public way
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inputs: dict[str, Any] = {}

    def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name # pyrefly: ignore[bad-override-param-name] - called by position
        del context
        self._inputs[request.urn] = _clean(json_format.MessageToDict(request.properties))
        return analyzer_pb2.AnalyzeResponse()

    def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802 # pyrefly: ignore[bad-override-param-name] - called by position
        del context
        found = [self._recorded(resource) for resource in request.resources]
        found.sort(key=lambda one: one["name"])
        lines = ",\n".join(json.dumps(one, sort_keys=True) for one in found)
        _FILE.write_text(f"[\n{lines}\n]\n")
        return analyzer_pb2.AnalyzeResponse()

    def _recorded(self, resource: Any) -> dict[str, Any]:
        inputs = self._inputs.get(resource.urn)
        outputs = _clean(json_format.MessageToDict(resource.properties))
        found: dict[str, Any] = {
            "type": resource.type,
            "name": resource.name,
            "parent": _name(resource.parent),
            "inputs": outputs if inputs is None else inputs,
            "outputs": None if inputs in (None, outputs) else outputs,
            "provider": _name(resource.provider.urn),
            "options": json_format.MessageToDict(resource.options),
            "depends_on": sorted(_name(urn) for urn in resource.dependencies),
            "made_from": {
                key: sorted(map(_name, found.urns))
                for key, found in resource.propertyDependencies.items()
                if found.urns
            },
        }
        found["options"].pop("parent", None)
        found["options"].pop("customTimeouts", None)
        return {key: value for key, value in found.items() if value not in (None, "", {}, [])}


def _clean(value: Any) -> Any:
    match value:
        case {"value": hidden} if value.get(_KIND) == _SECRET:
            return {_KIND: _SECRET, "value": hidden if hidden == _UNKNOWN else "hidden"}
        case dict():
            return {key: _clean(item) for key, item in value.items()}
        case list():
            return [_clean(item) for item in value]
        case _:
            return value


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


policy._PolicyAnalyzerServicer = Recorder  # noqa: SLF001 - no public way
PolicyPack("recorder", [StackValidationPolicy("nothing", "Refuses nothing.", lambda *_: None)])
