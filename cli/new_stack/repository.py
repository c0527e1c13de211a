"""What git and GitHub's CLI know of the repository that this checkout is of."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cli.new_stack.answers import REPOSITORY_IDS, Answers

_ORIGIN: Final = re.compile(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$")
_REPOSITORY: Final = re.compile(r"[\w.-]+/[\w.-]+")
_SECONDS: Final = 10


def guess_repository(checkout: Path) -> str:
    """Return OWNER/NAME of the remote `origin` at GitHub; empty without one."""
    match = _ORIGIN.search(_run(["git", "-C", str(checkout), "remote", "get-url", "origin"]))
    return match[1] if match else ""


def guess_name(repository: str) -> str:
    """Return a name for the platform of a repository."""
    return re.sub(r"[^a-z0-9]+", "-", repository.rpartition("/")[2].lower()).strip("-")[:20].strip("-")


def add_repository_ids(answers: Answers) -> Answers:
    """Add GitHub's numbers of the repository and its owner, if they are needed and `gh` tells them."""
    given = answers.values.keys() & {*REPOSITORY_IDS, "platform.immutable_subject"}
    if given or not _REPOSITORY.fullmatch(answers.repository):
        return answers
    program = "[.id, .owner.id]"
    try:
        numbers = json.loads(_run(["gh", "api", f"repos/{answers.repository}", "--jq", program]))
    except ValueError:
        return answers
    if not (isinstance(numbers, list) and len(numbers) == len(REPOSITORY_IDS)):
        return answers
    found = {path: str(number) for path, number in zip(REPOSITORY_IDS, numbers, strict=True)}
    return replace(answers, values={**answers.values, **found})


def _run(command: Sequence[str]) -> str:
    """Return what a program writes; nothing where it is not there, fails or asks something."""
    program = shutil.which(command[0])
    if not program:
        return ""
    try:
        ended = subprocess.run(
            [program, *command[1:]],
            env={**os.environ, "GH_PROMPT_DISABLED": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""
