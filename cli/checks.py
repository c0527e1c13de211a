"""`./bulwark test`: what a change must pass."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from core.failure import Failure
from toolchain.engine import ensure_cli

_CHECKOUT = Path(__file__).resolve().parent.parent
_TOOLS = Path(sys.executable).parent
_CHECKS = {
    "format": ("ruff", "format", "--check", "."),
    "lint": ("ruff", "check", "."),
    "types": ("pyrefly", "check"),
    "workflows": ("zizmor", "--offline", "--no-progress", "--persona", "auditor", ".github"),
    "workflow syntax": (
        "check-jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        *map(str, sorted(_CHECKOUT.glob(".github/workflows/*.yml"))),
    ),
}
"""What takes seconds; the tests follow."""

# Most of them wait for an engine, a server or a vendor's pace, and leave the processor to others.
_TESTS = ("pytest", "-n", str(2 * (os.cpu_count() or 1)))


def test(
    *pytest_arguments: Annotated[str, Parameter(allow_leading_hyphen=True)],
    whole: Annotated[bool, Parameter(name="--all", negative=())] = False,  # noqa: PT028 - the command's name
    seed: int | None = None,  # noqa: PT028 - the same
) -> int:
    """
    Run all checks: format, lint, types, workflows, tests; a failed one does not hide the next.

    Args:
        pytest_arguments: Passed to pytest; options go after `--`, as in `./bulwark test -- -k settings -x`.
        whole: Run all cases of the tests' long matrices, instead of a sample of each.
        seed: What the samples are drawn by, to repeat a run; it is printed.

    Returns:
        The exit code: 1 if anything failed.
    """
    if not (_CHECKOUT / "tests").is_dir():
        raise Failure(
            f"There are no tests in {_CHECKOUT}, which is not a checkout of Bulwark.",
            "run ./bulwark test in a checkout.",
        )
    # Minutes on a new machine, which no single test should have to wait for.
    ensure_cli()
    tests = (*_TESTS, *_sampling(seed, whole=whole), *pytest_arguments)
    failed = [name for name, command in {**_CHECKS, "tests": tests}.items() if _run(name, command)]
    sys.stdout.flush()
    if failed:
        sys.stderr.write(f"\nFailed: {', '.join(failed)}\n")
        return 1
    sys.stdout.write("\nAll checks passed.\n")
    return 0


def _run(name: str, command: Sequence[str]) -> int:
    """Run a tool to its end, also when interrupted: the tests end the services that they have started."""
    sys.stdout.write(f"\n== {name}: {' '.join(command)}\n")
    sys.stdout.flush()
    tool, *arguments = command
    with subprocess.Popen([_TOOLS / tool, *arguments], cwd=_CHECKOUT) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()  # a terminal interrupts it as well
            raise


def _sampling(seed: int | None, *, whole: bool) -> tuple[str, ...]:
    return (*(["--all"] if whole else []), *([] if seed is None else ["--seed", str(seed)]))
