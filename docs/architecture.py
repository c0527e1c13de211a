"""
The diagrams of docs/architecture.md: the resources of production, and the imports of the folders.

Run `python docs/architecture.py > docs/architecture.md` after a new recording of production or new imports.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from import_graph import CHECKOUT, Import, folder_of, read_imports

RECORDING: Final = CHECKOUT / "tests" / "policy" / "production.json"
_COMPONENT: Final = "bulwark:index:"
_PROGRAMS: Final = {"Accounts": "The administrator's stack", "Platform": "The platform's stack"}
"""Type of a program's outermost component -> title."""

_FACTS: Final = ("protects", "copies", "proves", "drills")
_VENDORS: Final = {
    "aws": "AWS",
    "neon": "Neon",
    "railway": "Railway",
    "sentry": "Sentry",
    "uptimerobot": "UptimeRobot",
    "vercel": "Vercel",
}

_FOLDERS: Final = {
    "cli": "the commands",
    "status": "the health of a stack",
    "respond": "steps at the vendors during an incident",
    "readiness": "what is looked at live",
    "live": "what exists at the vendors",
    "engine": "drives Pulumi",
    "components": "what is declared",
    "policies": "what is refused",
    "policies/rules": "one rule a file",
    "policies/facts": "what rules read of a stack",
    "policies/framework": "evaluation, waivers, configuration",
    "review": "what a pull request shows",
    "recovery": "what is run",
    "toolchain": "virtualenv, Pulumi CLI",
    "postgres_server": "a PostgreSQL server on this machine",
    "core": "what everything may use",
    "twin": "services and plugins of the twin",
    "twin/sample_app": "the sample platform",
    "twin/aws": "S3, KMS, IAM, STS, Secrets Manager",
    "twin/neon": "Neon",
    "twin/railway": "Railway",
    "twin/sentry": "Sentry",
    "twin/pagerduty": "PagerDuty",
    "twin/uptimerobot": "UptimeRobot",
    "twin/vercel": "Vercel",
    "twin/provider": "shared by stand-ins",
    "twin/vendor": "shared by the vendors' models and APIs",
    "twin/host": "files, ports, time",
}

_RESOURCES: Final = """# Architecture

`python docs/architecture.py > docs/architecture.md` draws both diagrams, the first from the recording of
production (`tests/policy/production.json`), the second from the code. A test compares them.

## Resources

`Pulumi.prod.yaml` declares these resources, as the engine announces them on a preview. A box is a component
of `components/` with its resources at each vendor. A dotted arrow leads from a component to another one that
it uses; arrows that follow from others are left out. A thick arrow is a fact that policies judge: which job
protects, copies or drills what.
"""
_MODULES: Final = """
## Modules

A box is a folder. An arrow leads from a folder to another one whose modules it imports; arrows that follow
from others are left out. [CONTRIBUTING.md](../CONTRIBUTING.md) has the rules, and
`tests/unit/test_structure.py` enforces them.
"""


def render(recorded: list[dict[str, Any]], imports: list[Import]) -> str:
    """Return the document."""
    return "\n".join(
        [
            *(_RESOURCES, "```mermaid", "flowchart TB", *_resource_lines(recorded), "```"),
            *(_MODULES, "```mermaid", "flowchart TB", *_module_lines(imports), "```", ""),
        ]
    )


def _module_lines(imports: list[Import]) -> Iterator[str]:
    edges: dict[str, set[str]] = {folder: set() for folder in _FOLDERS}
    for each in imports:
        importer, imported = folder_of(CHECKOUT, each.importer), folder_of(CHECKOUT, each.imported)
        if each.is_of_project and importer != imported:
            edges[importer].add(imported)
    for folder, title in _FOLDERS.items():
        yield f'    {_node(folder)}["<b>{folder}/</b><br/>{title}"]'
    for importer, imported in edges.items():
        for folder in sorted(imported):
            if not any(folder in _reachable(edges, other) for other in imported - {folder}):
                yield f"    {_node(importer)} --> {_node(folder)}"


def _node(folder: str) -> str:
    return folder.replace("/", "-")


def _reachable(edges: Mapping[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    waiting = {start}
    while waiting:
        folder = waiting.pop()
        reached.add(folder)
        waiting |= edges[folder] - reached
    return reached - {start}


def _resource_lines(recorded: list[dict[str, Any]]) -> Iterator[str]:
    by_name = {resource["name"]: resource for resource in recorded}
    component_of = {name: _component(resource, by_name) for name, resource in by_name.items()}
    components = sorted({name for name in component_of.values() if name})
    for program, title in _PROGRAMS.items():
        yield f'    subgraph {program}["{title}"]'
        for component in components:
            if _program(by_name[component], by_name) == program:
                resources = [one for one in recorded if component_of[one["name"]] == component]
                yield _box(by_name[component], resources)
        yield "    end"
    yield from _arrow_lines(recorded, by_name, component_of)


def _box(component: dict[str, Any], resources: list[dict[str, Any]]) -> str:
    name, kind = component["name"], component["type"].removeprefix(_COMPONENT)
    return f'    {name}["<b>{name}</b><br/>{kind}{"".join(_count_by_vendor(resources))}"]'


def _arrow_lines(
    recorded: list[dict[str, Any]], by_name: dict[str, dict[str, Any]], component_of: dict[str, str]
) -> Iterator[str]:
    components = sorted({name for name in component_of.values() if name})
    sources: dict[str, set[str]] = {component: set() for component in components}
    for resource in recorded:
        made_from = [name for names in resource.get("made_from", {}).values() for name in names]
        for other in (*made_from, *resource.get("depends_on", ())):
            start, end = component_of[resource["name"]], component_of.get(other)
            if start and end and start != end:
                sources[start].add(end)
    by_arn = {
        f"arn:aws:s3:::{resource['inputs']['bucket']}": resource["name"]
        for resource in recorded
        if resource["type"] == "aws:s3/bucket:Bucket"
    }
    facts = {
        # A fact names resources by URN, whose last part is the name, or buckets by ARN.
        (component, component_of[by_arn.get(name) or name.rsplit("::", 1)[-1]], fact)
        for component in components
        for fact in _FACTS
        for name in by_name[component].get("inputs", {}).get(fact, ())
    }
    thick = {(start, end) for start, end, _ in facts}
    for start in components:
        indirect = {further for end in sources[start] for further in sources[end] - {start}}
        for end in sorted(sources[start] - indirect):
            if (start, end) not in thick:
                yield f"    {start} -.-> {end}"
    for start, end, fact in sorted(facts):
        yield f"    {start} == {fact} ==> {end}"


def _component(resource: dict[str, Any], by_name: dict[str, dict[str, Any]]) -> str:
    """Return the component that a resource belongs to. A vault's access log belongs to the vault."""
    while not resource["type"].startswith(_COMPONENT) or resource["type"] == f"{_COMPONENT}AccessLog":
        if resource.get("parent") not in by_name:
            return ""
        resource = by_name[resource["parent"]]
    return "" if _kind_of_program(resource) in _PROGRAMS else resource["name"]


def _program(resource: dict[str, Any], by_name: dict[str, dict[str, Any]]) -> str:
    """Return the program that declares a component, by the type of its outermost component."""
    while resource.get("parent") in by_name and by_name[resource["parent"]]["type"].startswith(_COMPONENT):
        resource = by_name[resource["parent"]]
    return _kind_of_program(resource)


def _kind_of_program(resource: dict[str, Any]) -> str:
    return resource["type"].removeprefix(_COMPONENT)


def _count_by_vendor(resources: list[dict[str, Any]]) -> Iterator[str]:
    counts = Counter((resource["type"].split(":")[0], _kind(resource["type"])) for resource in resources)
    for vendor, title in _VENDORS.items():
        kinds = [
            f"{count} {kind}" if count > 1 else kind
            for (package, kind), count in sorted(counts.items())
            if package == vendor
        ]
        if kinds:
            yield f"<br/><i>{title}</i> {', '.join(kinds)}"


def _kind(token: str) -> str:
    """Return the short name of a type: `Logging` of `aws:s3/bucketLogging:BucketLogging`."""
    kind = token.rsplit(":", 1)[-1]
    return kind.removeprefix("Bucket").removesuffix("Configuration") or kind


if __name__ == "__main__":
    sys.stdout.write(render(json.loads(RECORDING.read_text()), read_imports(CHECKOUT)))
