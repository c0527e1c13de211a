"""Names are the standard terms: a class name has one meaning, and a function's name is a verb."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from import_graph import CHECKOUT, source_files
from old_names import (
    OLD_DEFINITIONS,
    OLD_IDENTIFIERS,
    OLD_LOCAL_DEFINITIONS,
    OLD_PATHS,
    OLD_SUFFIXES,
    OLD_VARIABLES,
)

pytestmark = pytest.mark.shares("syntax-trees")

_PARTICIPLES: Final = """
    begun bought broken brought built caught chosen done drawn driven fed felt forgotten found given gone
    grown had heard held kept known laid left lent lost made meant met paid said seen sent shown sold
    sought spent spoken taken taught told thought thrown understood woken won written
"""

_LIKE_PARTICIPLES: Final = {"embed", "exceed", "feed", "need", "proceed", "seed", "shed", "shred", "speed"}
"""Verbs that end in `ed`."""

_PREPOSITIONS: Final = {"at", "by", "for", "from", "in", "of", "on", "out", "to", "up", "with"}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@cache
def definitions(checkout: Path) -> list[tuple[str, str]]:
    """Return (file and line, name) of each class and function of the product."""
    return [
        (f"{file.relative_to(checkout)}:{node.lineno}", node.name)
        for file in source_files(checkout)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def classes_and_aliases(checkout: Path) -> Iterator[tuple[str, str]]:
    """Yield (file and line, name) of each class, and of each type that a module gives a name."""
    for file in source_files(checkout):
        classes = [node for node in ast.walk(tree(file)) if isinstance(node, ast.ClassDef)]
        named = [(node.lineno, node.name) for node in classes]
        for node in tree(file).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    # Constants are in capitals, and type variables may be the same everywhere.
                    if re.fullmatch(r"_?[A-Z][a-z]\w*", name):
                        named.append((node.lineno, name))
                case _:
                    pass
        yield from ((f"{file.relative_to(checkout)}:{line}", name) for line, name in named)


def identifiers(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of each variable, parameter, attribute and keyword of a module."""
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.keyword(arg=str(name)):
                yield node.value.lineno, name
            case _:
                pass


def variables(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of each parameter and variable of a module, outside of comprehensions."""
    comprehensions = [node for node in ast.walk(module) if isinstance(node, ast.comprehension)]
    items = {id(part) for node in comprehensions for part in ast.walk(node.target)}
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if id(node) not in items:
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case _:
                pass


def functions(checkout: Path) -> Iterator[tuple[str, str]]:
    """Yield (file and line, name) of each function and method that is no property."""
    for file in source_files(checkout):
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                decorators = " ".join(map(ast.unparse, node.decorator_list))
                if "property" not in decorators and "computed_field" not in decorators:
                    yield f"{file.relative_to(checkout)}:{node.lineno}", node.name


def is_participle(name: str) -> bool:
    """Whether a function's name says that something happened: `restored`, `looked_at`."""
    first, *others = name.strip("_").split("_")
    if not set(others) <= _PREPOSITIONS or first in _LIKE_PARTICIPLES:
        return False
    return first in _PARTICIPLES.split() or first.endswith("ed")


def require_none(names: Iterable[tuple[str, str]]) -> None:
    """Fail with one line per (place, name)."""
    found = [f"{place} {name}" for place, name in names]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    "path", [f"{folder}/{name}".lstrip("/") for folder, names in OLD_PATHS.items() for name in names.split()]
)
def test_an_old_path_is_gone(path: str) -> None:
    assert not (CHECKOUT / path).exists()


@pytest.mark.parametrize("subject", OLD_DEFINITIONS)
def test_the_old_names_of_a_subject_are_gone(subject: str) -> None:
    old = set(OLD_DEFINITIONS[subject].split())
    require_none(found for found in definitions(CHECKOUT) if found[1] in old)


@pytest.mark.parametrize("file", OLD_LOCAL_DEFINITIONS)
def test_the_old_names_of_a_module_are_gone(file: str) -> None:
    names = {getattr(node, "name", "") for node in tree(CHECKOUT / file).body}
    assert names & set(OLD_LOCAL_DEFINITIONS[file].split()) == set()


def test_no_identifier_is_an_old_one() -> None:
    old = set(OLD_IDENTIFIERS.split())
    require_none(
        (f"{file.relative_to(CHECKOUT)}:{line}", name)
        for file in source_files(CHECKOUT)
        for line, name in identifiers(tree(file))
        if name in old
    )


def test_no_variable_is_an_old_one() -> None:
    old = set(OLD_VARIABLES.split())
    require_none(
        (f"{file.relative_to(CHECKOUT)}:{line}", name)
        for file in source_files(CHECKOUT)
        for line, name in variables(tree(file))
        if name in old
    )


def test_no_module_or_function_of_the_twin_has_an_old_suffix() -> None:
    modules = [(str(file.relative_to(CHECKOUT)), file.stem) for file in source_files(CHECKOUT)]
    require_none(
        found
        for found in (*modules, *definitions(CHECKOUT))
        if found[0].startswith("twin/") and found[1].endswith(OLD_SUFFIXES)
    )


def test_each_class_and_alias_is_defined_once() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for place, name in classes_and_aliases(CHECKOUT):
        places[name].append(place)
    require_none((", ".join(found), name) for name, found in places.items() if len(found) > 1)


def test_no_function_is_named_by_a_participle() -> None:
    require_none(found for found in functions(CHECKOUT) if is_participle(found[1]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("restored", True),
        ("_looked_at", True),
        ("told", True),
        ("restore", False),
        ("seed", False),
        ("is_locked", False),
    ],
)
def test_participles_are_told_from_verbs(name: str, expected: bool) -> None:
    assert is_participle(name) == expected
