"""Imports of the engine's messages without the SDK around them, which takes 0.5 s and is of no use here."""

import importlib.util
import sys
from collections.abc import Generator
from contextlib import contextmanager

_SHELLS = ("pulumi", "pulumi.runtime")


@contextmanager
def without_sdk() -> Generator[None]:
    """Let the block import `pulumi.runtime.proto` below empty packages, which are taken away afterwards."""
    if "pulumi" in sys.modules:
        yield
        return
    for name in _SHELLS:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name  # noqa: S101 - the SDK is a dependency
        sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        for name in _SHELLS:
            del sys.modules[name]
