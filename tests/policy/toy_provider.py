"""A provider that takes every resource of any vendor as it is; the engine starts it as a plugin."""

from typing import Any

from twin.provider.server import PropertyChange, serve
from twin.provider.values import UNKNOWN


class Anything:
    """A resource type without rules."""

    def check(self, name: str, inputs: Any, old_inputs: Any) -> Any:
        del name, old_inputs
        return inputs, []

    def diff(self, state: Any, old_inputs: Any, inputs: Any) -> dict[str, PropertyChange]:
        del state
        names = old_inputs.keys() | inputs.keys()
        return {
            name: PropertyChange.UPDATE for name in sorted(names) if old_inputs.get(name) != inputs.get(name)
        }

    def plan(self, state: Any, inputs: Any) -> Any:
        return {"computed": UNKNOWN, **state, **inputs}

    def create(self, inputs: Any) -> Any:
        return "1", {"computed": "known", **inputs}

    def read(self, identifier: str, state: Any, inputs: Any) -> Any:
        del identifier
        return inputs, state

    def update(self, identifier: str, state: Any, inputs: Any) -> Any:
        del identifier
        return {**state, **inputs}

    def delete(self, identifier: str, state: Any) -> None:
        """Forget it."""


class AnyVendor:
    """A provider of such resource types."""

    def parameterize(self, value: bytes) -> tuple[str, str]:
        raise NotImplementedError

    def configure(self, configuration: Any) -> None:
        """Take any configuration."""

    def resource_type(self, token: str) -> Anything:
        del token
        return Anything()

    def invoke(self, token: str, arguments: Any) -> Any:
        raise NotImplementedError

    def take_fault(self, token: str) -> None:
        """No creation meets a fault."""

    def repeats_creation(self, token: str, status: int) -> bool:
        raise NotImplementedError


if __name__ == "__main__":
    serve(AnyVendor(), "1.0.0")
