"""
The picture of what production declares, from what the engine said about it on a preview.

`python docs/architecture.py > docs/architecture.md`, after production has been recorded anew.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

RECORDING: Final = Path(__file__).parents[1] / "tests" / "policy" / "production.json"
_OURS: Final = "bulwark:index:"
_FACTS: Final = ("protects", "copies", "drills")
_VENDORS: Final = {"aws": "AWS", "neon": "Neon", "sentry": "Sentry", "uptimerobot": "UptimeRobot"}

_HEAD: Final = """# Architecture

What `Pulumi.prod.yaml` declares, drawn from the graph that the engine announces on a preview
(`python docs/architecture.py > docs/architecture.md`). A box is a component of `components/`, with the
resources that it makes at each vendor. A dotted arrow points to what a component is made from; what follows
from others is left out. Thick arrows are facts that policies judge: which job saves, fills and drills what.
"""


def render(recorded: list[dict[str, Any]]) -> str:
    """Return the document."""
    return "\n".join([_HEAD, "```mermaid", "flowchart TB", *_lines(recorded), "```", ""])


def _lines(recorded: list[dict[str, Any]]) -> Iterator[str]:
    known = {one["name"]: one for one in recorded}
    home = {name: _component(one, known) for name, one in known.items()}
    boxes = sorted({name for name in home.values() if name})
    for box in boxes:
        made = [one for one in recorded if home[one["name"]] == box]
        kind = known[box]["type"].removeprefix(_OURS)
        yield f'    {box}["<b>{box}</b><br/>{kind}{"".join(_inside(made))}"]'
    behind: dict[str, set[str]] = {box: set() for box in boxes}
    for one in recorded:
        named = [name for names in one.get("made_from", {}).values() for name in names]
        for other in (*named, *one.get("depends_on", ())):
            start, end = home[one["name"]], home.get(other)
            if start and end and start != end:
                behind[start].add(end)
    facts = {
        # Facts name resources by URN, which ends in the name.
        (box, home[urn.rsplit("::", 1)[-1]], fact)
        for box in boxes
        for fact in _FACTS
        for urn in known[box]["inputs"].get(fact, ())
    }
    shown = {(start, end) for start, end, _ in facts}
    for start in boxes:
        around = {further for end in behind[start] for further in behind[end] - {start}}
        for end in sorted(behind[start] - around):
            if (start, end) not in shown:
                yield f"    {start} -.-> {end}"
    for start, end, fact in sorted(facts):
        yield f"    {start} == {fact} ==> {end}"


def _component(one: dict[str, Any], known: dict[str, dict[str, Any]]) -> str:
    """Return the component that a resource is part of; a vault's access log is the vault's."""
    while not one["type"].startswith(_OURS) or one["type"] == f"{_OURS}AccessLog":
        if one.get("parent") not in known:
            return ""
        one = known[one["parent"]]
    return "" if one["type"] == f"{_OURS}Platform" else one["name"]


def _inside(made: list[dict[str, Any]]) -> Iterator[str]:
    counted = Counter((one["type"].split(":")[0], _kind(one["type"])) for one in made)
    for vendor, title in _VENDORS.items():
        kinds = [
            f"{count} {kind}" if count > 1 else kind
            for (where, kind), count in sorted(counted.items())
            if where == vendor
        ]
        if kinds:
            yield f"<br/><i>{title}</i> {', '.join(kinds)}"


def _kind(token: str) -> str:
    """Leave out of `aws:s3/bucketLogging:BucketLogging` what the box says anyway."""
    kind = token.rsplit(":", 1)[-1]
    return kind.removeprefix("Bucket").removesuffix("Configuration") or kind


if __name__ == "__main__":
    sys.stdout.write(render(json.loads(RECORDING.read_text())))
