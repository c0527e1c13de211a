"""
Three-valued reading of properties: a value is known, not known yet, or absent.

The SDK hands properties over as proxies whose `in`, `.get` and indexing raise on values that a preview does
not know, and turns such an exception into an advisory note, whatever the rule's level. Rules read with this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pulumi_policy.proxy import UnknownValueError


class Reading:
    """What stands at a path; match it with `Known(value)`, `Unknown()` and `Absent()`."""

    def at(self, *path: str | int) -> "Reading":
        """Read deeper, by key or index; what is below the unknown is unknown, below a plain value absent."""
        reading = self
        for step in path:
            reading = reading._step(step)
        return reading

    def each(self) -> "list[Reading]":
        """Return a list's items; none for what is absent or no list, one unknown for what is unknown."""
        return []

    def _step(self, step: str | int) -> "Reading":
        del step
        return self


@dataclass(frozen=True)
class Known(Reading):
    """A value; never put into a message, for secrets arrive here in clear."""

    value: Any

    def each(self) -> list[Reading]:
        if not isinstance(self.value, Sequence) or isinstance(self.value, str):
            return []
        return [self._step(index) for index in range(len(self.value))]

    def _step(self, step: str | int) -> Reading:
        container = Mapping if isinstance(step, str) else Sequence
        if not isinstance(self.value, container) or isinstance(self.value, str):
            return Absent()
        try:
            found = cast("Any", self.value)[step]
        except UnknownValueError:
            return Unknown()
        except (KeyError, IndexError):
            return Absent()
        return Absent() if found is None else Known(found)


@dataclass(frozen=True)
class Unknown(Reading):
    """Only the deployment will tell."""

    def each(self) -> list[Reading]:
        return [self]


@dataclass(frozen=True)
class Absent(Reading):
    """Not there, or null."""
