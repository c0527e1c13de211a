"""
Runs a module of Pulumi's SDK, such as a policy pack's host, without the Automation API.

`import pulumi` imports the Automation API too, which takes a third of its time. Neither a pack nor a resource
that is programmed in Python uses it; where one does, it is imported then.
"""

import runpy
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Final

_UNUSED: Final = "pulumi.automation"


class _UnusedFinder:
    """Finds the Automation API, and has it executed when somebody looks into it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == _UNUSED else None
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


def main() -> None:
    """Run the module that the first argument names, with the others as its own."""
    del sys.argv[0]
    sys.meta_path.insert(0, _UnusedFinder())
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
