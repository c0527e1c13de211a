"""The product's modules and their imports, read from the source."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = (
    "cli",
    "components",
    "core",
    "engine",
    "live",
    "policies",
    "postgres_server",
    "readiness",
    "recovery",
    "respond",
    "review",
    "status",
    "toolchain",
    "twin",
)
"""The top-level packages of the product, as pyproject.toml installs them."""

_WITH_FOLDERS: Final = ("policies", "twin")


@dataclass(frozen=True)
class Import:
    """One import statement, and the module that it names. `importer` is the module that has it."""

    importer: str
    line: int
    imported: str

    @property
    def is_of_project(self) -> bool:
        return self.imported.partition(".")[0] in PACKAGES


def source_files(checkout: Path) -> Iterator[Path]:
    """Yield the Python files of the product's packages, without the program `__main__.py`."""
    for package in PACKAGES:
        yield from sorted((checkout / package).rglob("*.py"))


def module_name(checkout: Path, file: Path) -> str:
    """Return the dotted name of a module. A package has the name of its folder."""
    return ".".join(file.relative_to(checkout).with_suffix("").parts).removesuffix(".__init__")


def folder_of(checkout: Path, module: str) -> str:
    """Return the folder whose import rules hold for a module: a package, or a folder in `_WITH_FOLDERS`."""
    parts = module.split(".")
    depth = 2 if parts[0] in _WITH_FOLDERS and (checkout / "/".join(parts[:2])).is_dir() else 1
    return "/".join(parts[:depth])


def read_imports(checkout: Path) -> list[Import]:
    """Return every import of the product's modules, also those inside functions and for type checks."""
    files = {module_name(checkout, file): file for file in source_files(checkout)}
    found: dict[Import, None] = {}
    for module, file in files.items():
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        for line, level, source, name in _statements(file.read_text()):
            base = package.split(".")[: -level + 1 or None] if level else []
            whole = ".".join([*base, *filter(None, [source, name])])
            # `from a import b` imports the module `a.b` if there is one, else `a`.
            imported = whole if whole in files or not name else whole.rpartition(".")[0]
            found[Import(module, line, imported)] = None
    return list(found)


@cache
def _statements(text: str) -> list[tuple[int, int, str, str]]:
    """Return line, relative level, module and name of each import in a source text."""
    statements: list[tuple[int, int, str, str]] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            statements += [(node.lineno, 0, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            statements += [(node.lineno, node.level, node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Call) and _calls_import_module(node):
            # `import_module("a.b")`, or a thread with `target=import_module, args=["a.b"]`.
            texts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
            statements += [(node.lineno, 0, text, "") for text in texts if isinstance(text, str)]
    return statements


def _calls_import_module(call: ast.Call) -> bool:
    functions = (call.func, *(word.value for word in call.keywords))
    return any(
        getattr(function, "id", getattr(function, "attr", "")) in {"import_module", "__import__"}
        for function in functions
    )


def find_circle(imports: Iterable[Import]) -> list[str]:
    """Return modules of the project that import each other in a circle; none if there is no circle."""
    edges: dict[str, set[str]] = {}
    for each in imports:
        if each.is_of_project and each.imported != each.importer:
            edges.setdefault(each.importer, set()).add(each.imported)
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return error.args[1]
    return []
