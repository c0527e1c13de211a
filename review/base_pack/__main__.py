"""
A policy pack that runs another commit's pack, which review/base.py put into a folder.

If that pack can't start, this one serves a policy that refuses nothing and writes the reason, so that the
engine still runs the checkout's own pack and the review can say which of the two is missing.
"""

import json
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = os.environ["BULWARK_BASE_PACK"]
"""Has `policies` and `core` of the other commit."""

REPORT = os.environ["BULWARK_BASE_REPORT"]


class BaseFinder:
    """Finds the project's modules in the other commit alone, and never in this checkout."""

    packages = frozenset(path.parent.name for path in CHECKOUT.glob("*/__init__.py")) | {"policies", "core"}

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        del target
        if name.partition(".")[0] not in cls.packages:
            return None
        spec = PathFinder.find_spec(name, [FOLDER] if path is None else path)
        if spec is None:
            raise ModuleNotFoundError(f"the commit's pack imports {name}, which is no part of it", name=name)
        return spec


def serve_nothing(reason: str) -> None:
    """Serve a pack that refuses nothing until the engine ends, and report why."""
    Path(REPORT).write_text(json.dumps({"failed": reason}))
    runpy.run_path(str(CHECKOUT / "core" / "engine_watch.py"))["end_with_engine"]()
    idle = StackValidationPolicy(
        "base-pack-failed",
        "Refuses nothing; the review says that the base's policies could not start.",
        lambda _arguments, _report: None,
        EnforcementLevel.ADVISORY,
    )
    PolicyPack("bulwark-base", [idle], enforcement_level=EnforcementLevel.ADVISORY)


os.environ["BULWARK_POLICY_REPORT"] = REPORT
sys.meta_path.insert(0, BaseFinder)
try:
    # It serves until the engine stops it.
    runpy.run_path(str(Path(FOLDER, "policies", "__main__.py")), run_name="__main__")
    if not Path(REPORT).exists():
        serve_nothing("it ended before it judged")
except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever keeps it from starting
    serve_nothing("".join(traceback.format_exception_only(error)).strip())
