"""A fake `gh api` of GitHub's CLI, over items in a file: comments of a pull request, or issues."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

BOT = "github-actions[bot]"
_ITEMS = "items.json"


def run_step(step: dict[str, Any], folder: Path, before: list[Any], **variables: str) -> list[Any]:
    """Run a workflow's step with the fake on PATH, and return the items afterwards."""
    command = folder / "gh"
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{__file__}' \"$@\"\n")
    command.chmod(0o755)
    (folder / _ITEMS).write_text(json.dumps(before))
    environment = {
        **variables,
        "MINE": step["env"]["MINE"],
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
    }
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=folder, env=environment, check=True)
    return json.loads((folder / _ITEMS).read_text())


def item(number: int, body: str, by: str = BOT, **more: Any) -> dict[str, Any]:
    return {"id": number, "number": number, "user": {"login": by}, "body": body, **more}


def main(arguments: list[str]) -> int:
    """Answer `gh api [--method PATCH] ADDRESS [--field NAME=VALUE]... [--jq PROGRAM]`."""
    store = Path(_ITEMS)
    items = json.loads(store.read_text())
    assignments = [arguments[at + 1] for at, argument in enumerate(arguments) if argument == "--field"]
    fields = {name: _value(value) for name, _, value in (entry.partition("=") for entry in assignments)}
    if not fields:
        listed = [entry for entry in items if entry.get("state") != "closed"]
        program = arguments[arguments.index("--jq") + 1]
        return subprocess.run(
            ["jq", "-r", program], input=json.dumps(listed), text=True, check=False
        ).returncode
    if "PATCH" in arguments:
        address = next(argument for argument in arguments if argument.startswith("repos/"))
        next(entry for entry in items if entry["id"] == int(address.rpartition("/")[2])).update(fields)
    else:
        items.append(item(100 + len(items), **fields))
    store.write_text(json.dumps(items))
    return 0


def _value(field: str) -> str:
    return Path(field[1:]).read_text() if field.startswith("@") else field


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
