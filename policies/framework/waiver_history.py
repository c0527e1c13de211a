"""
Since when an exception stands, by the history of its file.

It is imported, and git is asked, only for a file with entries.
"""

import os
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from policies.framework.waiver_entry import parse_entries

WaiverTerm = tuple[str, str, str, str]
"""Rule, resource, setting and ticket. Another ticket is another term, which somebody has decided anew."""

_MOST_VERSIONS: Final = 500
_TIMEOUT: Final = 20.0
"""Seconds."""


def term_of(entry: Any) -> WaiverTerm | None:
    """Return the term of an entry of the file; None if it names no rule, resource or ticket."""
    match entry:
        case {"rule": str(rule), "resource": str(resource), "ticket": str(ticket)}:
            return rule, resource, str(entry.get("setting", "")), ticket.strip()
        case _:
            return None


def read_first_days(path: Path) -> dict[WaiverTerm, date]:
    """
    Return the day on which each term was first committed, as far back as git knows.

    Without a repository, without git, or before the first commit of the file there is none. A shallow clone
    knows the last commits alone.
    """
    log = _ask_git(path, "log", f"--max-count={_MOST_VERSIONS}", "--format=%H %as %cs", "--", path.name)
    commits = [line.split() for line in log.decode().splitlines()]
    versions = _ask_git(
        path,
        "cat-file",
        "--batch",
        given="".join(f"{commit}:./{path.name}\n" for commit, _, _ in commits).encode(),
    )
    days: dict[WaiverTerm, date] = {}
    for (_, authored, committed), text in zip(commits, _split_versions(versions), strict=False):
        day = min(date.fromisoformat(authored), date.fromisoformat(committed))
        for term in map(term_of, parse_entries(text) or ()):
            if term:
                days[term] = min(day, days.get(term, day))
    return days


def _split_versions(output: bytes) -> Iterator[bytes]:
    """Yield what `git cat-file --batch` found, each after a line with id, type and size."""
    while output:
        head, _, output = output.partition(b"\n")
        words = head.split()
        size = int(words[2]) if len(words) == 3 and words[1] == b"blob" else 0
        yield output[:size]
        output = output[size + 1 :] if size else output


def _ask_git(path: Path, *arguments: str, given: bytes = b"") -> bytes:
    # A hook's own variables, such as GIT_DIR, would lead to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.run(
            ["git", "-C", path.parent, "-c", "core.fsmonitor=false", *arguments],
            input=given,
            env=environment | {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
