"""Judges one response header at every watched address."""

from collections.abc import Callable

from readiness.check import NotApplicableError, Observation
from readiness.live_platform import LivePlatform


def observe_header(platform: LivePlatform, name: str, find_problem: Callable[[str], str]) -> Observation:
    """
    Return what each watched address answers in a header.

    `find_problem` takes the value, empty where the header is missing, and returns a predicate such as
    `is missing`; empty if the value is right.
    """
    seen = Observation()
    for address in platform.list_addresses():
        value = ", ".join(platform.reader.get(address).headers.get_list(name))
        seen.measured[f"{name} of {address}"] = value or "(missing)"
        if problem := find_problem(value):
            seen.problems.append(f"{address}: {name} {problem}")
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen


def require_value(*allowed: str) -> Callable[[str], str]:
    """Return a judge of a header that must have one of these values, in any case."""

    def find_problem(value: str) -> str:
        if not value:
            return "is missing"
        return "" if value.strip().lower() in allowed else f"is {value}, not {' or '.join(allowed)}"

    return find_problem
