"""The product's modules import each other in one direction, by the rules of CONTRIBUTING.md."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from import_graph import (
    CHECKOUT,
    PACKAGES,
    Import,
    find_circle,
    folder_of,
    module_name,
    read_imports,
)

pytestmark = pytest.mark.shares("import-graph")

_POLICIES: Final = {"policies", "policies/facts", "policies/framework", "policies/rules"}
_TWIN_VENDOR: Final = {"core", "twin/host", "twin/provider", "twin/vendor"}
_TWIN: Final = {
    "twin",
    "twin/aws",
    "twin/host",
    "twin/neon",
    "twin/pagerduty",
    "twin/provider",
    "twin/railway",
    "twin/sample_app",
    "twin/sentry",
    "twin/uptimerobot",
    "twin/vendor",
    "twin/vercel",
}

ALLOWED: Final[dict[str, set[str]]] = {
    "core": set(),
    "postgres_server": {"core"},
    "recovery": {"core"},
    "toolchain": {"core"},
    "policies/framework": {"core"},
    "policies/facts": {"core", "policies/framework"},
    "policies/rules": {"core", "policies/facts", "policies/framework"},
    "policies": _POLICIES | {"core"},
    "review": _POLICIES | {"core"},
    "components": {"core"},
    "twin/host": {"core"},
    "twin/vendor": {"core", "twin/host"},
    "twin/provider": {"core", "twin/vendor"},
    "twin/aws": _TWIN_VENDOR,
    "twin/neon": _TWIN_VENDOR | {"postgres_server"},
    "twin/pagerduty": _TWIN_VENDOR,
    "twin/railway": _TWIN_VENDOR,
    "twin/sentry": _TWIN_VENDOR,
    "twin/uptimerobot": _TWIN_VENDOR,
    "twin/vercel": _TWIN_VENDOR,
    "twin/sample_app": {"core", "twin/host"},
    "twin": _TWIN | {"core", "postgres_server", "toolchain"},
    "engine": _TWIN | {"components", "core", "policies/framework", "recovery", "toolchain"},
    "live": {"components", "core", "engine", "policies/framework", "recovery"},
    "status": {"components", "core", "live", "policies/framework", "recovery"},
    "respond": {"components", "core", "engine", "live", "recovery"},
    "readiness": {"components", "core", "live", "policies/framework", "recovery", "status"},
    "cli": _POLICIES
    | {"components", "core", "engine", "live", "postgres_server", "readiness", "recovery", "respond"}
    | {"review", "status", "toolchain"},
}
"""
Folder -> the folders that its modules may import beside their own. Everything else is refused: no vendor of
the twin imports another vendor, and only `engine` and the commands below import the twin.
"""

RUNS_THE_TWIN: Final = {
    "cli.services": "shows the logs of the twin's services, and stops them",
}
"""The modules of `cli` that import the twin, each with the reason."""

READS_SETTINGS: Final = {
    "components.accounts",
    "components.drill_targets",
    "components.existing",
    "components.neon_arguments",
    "components.oncall_arguments",
    "components.platform",
    "components.providers",
    "components.recovery_description",
    "components.secrets",
    "components.stack",
}
"""The modules of `components` that are of this project's own programs: they turn settings into arguments."""

FORBIDDEN_PACKAGES: Final = {
    "core": "pulumi",
    "postgres_server": "pulumi",
    "recovery": "pulumi",
    "policies": "pulumi_",
    "review": "pulumi_",
}
"""
Folder -> beginning of the packages that it does not import. `pulumi_` begins the SDKs of providers: policies
judge what the engine announces. Recovery needs neither the engine nor an SDK.
"""
_EXCEPT: Final = {"pulumi_policy"}
"""The SDK of policies has the same beginning."""


def broken_rules(checkout: Path) -> Iterator[str]:
    """Yield one line for each import that breaks a rule: file, line, import, and the rule."""
    for each in read_imports(checkout):
        if rule := _broken_rule(checkout, each):
            file = Path(*each.importer.split("."))
            path = file / "__init__.py" if (checkout / file).is_dir() else file.with_suffix(".py")
            yield f"{path}:{each.line} imports {each.imported}: {rule}"


def _broken_rule(checkout: Path, each: Import) -> str:
    importer = folder_of(checkout, each.importer)
    if not each.is_of_project:
        folder, package = importer.partition("/")[0], each.imported.partition(".")[0]
        forbidden = FORBIDDEN_PACKAGES.get(folder)
        if forbidden and package.startswith(forbidden) and package not in _EXCEPT:
            return f"{folder}/ imports no package {forbidden}*"
        return ""
    imported = folder_of(checkout, each.imported)
    if imported == importer or imported in ALLOWED[importer]:
        return ""
    if importer == "cli" and imported in _TWIN:
        return "" if each.importer in RUNS_THE_TWIN else "only RUNS_THE_TWIN imports the twin"
    allowed = sorted(ALLOWED[importer] - {importer})
    return f"{importer}/ imports {', '.join(allowed) or 'nothing of the project'}"


def test_every_folder_has_a_rule() -> None:
    folders = {folder_of(CHECKOUT, each.importer) for each in read_imports(CHECKOUT)}
    assert folders == set(ALLOWED)


def test_the_page_for_contributors_has_the_same_rules() -> None:
    lines = (CHECKOUT / "CONTRIBUTING.md").read_text().splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    documented: dict[str, set[str]] = {}
    for folders, _, allowed in rows:
        twin = _TWIN if "all of `twin/`" in allowed else set[str]()
        names = twin | set(re.findall(r"`(\w+(?:/\w+)*)`", allowed))
        documented |= {folder: names - {folder} for folder in re.findall(r"`([\w/]+)`", folders)}
    rules = {folder: allowed - {folder} for folder, allowed in ALLOWED.items()}
    assert documented == rules | {"cli": documented["cli"]}


def test_no_import_breaks_a_rule() -> None:
    assert list(broken_rules(CHECKOUT)) == []


def test_one_module_knows_the_inputs_of_neons_provider() -> None:
    importers = {each.importer for each in read_imports(CHECKOUT) if each.imported.startswith("pulumi_neon")}
    assert importers == {"components.neon"}


def test_components_know_no_settings() -> None:
    importers = {
        each.importer
        for each in read_imports(CHECKOUT)
        if folder_of(CHECKOUT, each.importer) == "components"
        and each.imported.startswith("components.settings")
    }
    program = {importer for importer in importers if not importer.startswith("components.settings")}
    assert program == READS_SETTINGS


def test_each_component_has_arguments_of_its_own() -> None:
    bare = {
        f"{module_name(CHECKOUT, file)}.{name}"
        for file in (CHECKOUT / "components").glob("*.py")
        for name, parameters in _list_components(file)
        if f"{name}Args" not in parameters
    }
    # Two are whole programs, and a drill's branch is of the database's arguments.
    assert bare == {
        "components.accounts.Accounts",
        "components.drill_targets.Branch",
        "components.platform.Platform",
    }


def _list_components(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each component in a file, and the types of the parameters that make it."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef) and "ComponentResource" in "".join(map(ast.unparse, node.bases)):
            [init] = [
                part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"
            ]
            yield node.name, [ast.unparse(one.annotation) for one in init.args.args if one.annotation]


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert find_circle(read_imports(CHECKOUT)) == []


def test_every_command_that_may_import_the_twin_does() -> None:
    importers = {
        each.importer for each in read_imports(CHECKOUT) if folder_of(CHECKOUT, each.imported) in _TWIN
    }
    assert {importer for importer in importers if importer.startswith("cli.")} == set(RUNS_THE_TWIN)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("structure")
    for package in PACKAGES:
        shutil.copytree(CHECKOUT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("core/failure.py", "from toolchain import step", "core/ imports nothing of the project"),
        ("recovery/backup.py", "import components.vault", "recovery/ imports core"),
        ("recovery/backup.py", "import pulumi", "recovery/ imports no package pulumi*"),
        ("recovery/vault/lease.py", "from ...engine.session import select", "recovery/ imports core"),
        ("policies/facts/buckets.py", "import pulumi_aws as aws", "policies/ imports no package pulumi_*"),
        ("policies/report.py", "from components import vault", "policies/ imports core"),
        ("policies/framework/rule.py", "from policies.facts import jobs", "policies/framework/ imports core"),
        ("components/vault.py", "def f():\n    from policies import rules", "components/ imports core"),
        ("components/vault.py", "importlib.import_module('policies.rules')", "components/ imports core"),
        (
            "components/vault.py",
            "Thread(target=import_module, args=['twin.services'])",
            "components/ imports core",
        ),
        ("twin/host/home.py", "from twin.vendor import store", "twin/host/ imports core"),
        (
            "twin/neon/model.py",
            "from twin.sentry import model",
            "twin/neon/ imports core, postgres_server,",
        ),
        (
            "twin/sentry/model.py",
            "from postgres_server import cluster",
            "twin/sentry/ imports core, twin/host,",
        ),
        ("twin/services.py", "from engine import twin", "twin/ imports core,"),
        ("engine/session.py", "from cli.output import console", "engine/ imports components,"),
        ("engine/session.py", "from review import terminal", "engine/ imports components,"),
        (
            "cli/backups.py",
            "from twin.host import home",
            "only RUNS_THE_TWIN imports the twin",
        ),
    ],
)
def test_a_broken_rule_is_found_and_named(copied: Path, file: str, line: str, rule: str) -> None:
    before, broken_before = (copied / file).read_text(), set(broken_rules(copied))
    try:
        (copied / file).write_text(f"{before}{line}\n")
        number = len(before.splitlines()) + len(line.splitlines())
        [found] = set(broken_rules(copied)) - broken_before
    finally:
        (copied / file).write_text(before)
    assert found.startswith(f"{file}:{number} imports ")
    assert f": {rule}" in found


def test_a_circle_is_found(copied: Path) -> None:
    file = copied / "core" / "vault_layout.py"
    before = file.read_text()
    try:
        file.write_text(f"{before}import recovery.manifest\n")
        circle = find_circle(
            each for each in read_imports(copied) if each.importer.startswith(("core.", "recovery."))
        )
    finally:
        file.write_text(before)
    assert {"core.vault_layout", "recovery.manifest"} <= set(circle)
