"""
Generation of `policies/types/<package>.json`, the class of each resource type that the pack has read.

    pip download --no-deps --dest FOLDER pulumi-gcp pulumi-cloudflare
    python -m policies.type_table FOLDER

The types are those that a package's SDK registers. `policies/types/<package>.rules` says their classes, type
by type: `module:Name`, or only `Name` in the module `index`; `module:*` and `*` are the others that were
there when the rules were reviewed. So a type of a later version is not classified, until somebody has looked
at what is new and gives `--reviewed`. The classes are defined in policies/facts/resource_types.py.

Which inputs a package's schema marks as secret is read from the SDK's code as well.
"""

import argparse
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata, util
from pathlib import Path
from typing import Final

from policies.facts.resource_types import FOLDER, TypeClass, TypeName, read_secrets, read_table, split_token

_INDEX: Final = re.compile(r'resource_modules="""\n(.*?)"""', re.DOTALL)
"""The list of its types that Pulumi's code generator puts into a Python SDK."""

_REGISTERED: Final = re.compile(r"'([a-z0-9-]+(?::[^':]+:\w+)?)',\s+resource_name,")
_SECRET: Final = re.compile(
    r'__props__\.__dict__\["(\w+)"\] = None if \w+ is None else pulumi\.Output\.secret\('
)
_GETTER: Final = re.compile(r'@pulumi\.getter\(name="(\w+)"\)\s+def (\w+)\(')
"""What the code generator makes of a type, of an input that its schema marks as secret, and of a name."""

_ARCHIVE: Final = re.compile(
    r"(?P<name>[A-Za-z0-9_.]+?)-(?P<version>[0-9][A-Za-z0-9.+]*)(-.*\.whl|\.tar\.gz)"
)
_OTHERS: Final = "*"


SecretInputs = Mapping[TypeName, tuple[str, ...]]
"""Type -> its inputs that the package's schema marks as secret."""


class TypeRulesError(Exception):
    """Rules that can't be applied to their package."""


@dataclass(frozen=True)
class TypeRules:
    """The reviewed rules of one package."""

    package: str
    sdk: str
    """The SDK's name on PyPI; empty for a package without one, whose rules name every type."""

    documentation: str
    classes: Mapping[TypeName, TypeClass]
    """`*` as a name, or as a module, stands for the others."""


@dataclass(frozen=True)
class PackageTypes:
    """The types of one version of a package."""

    version: str
    names: frozenset[TypeName]
    secrets: SecretInputs | None = None
    """None if the SDK's sources were not read."""


def read_rules(path: Path) -> TypeRules:
    """
    Read the rules of a package.

    Raises:
        TypeRulesError: A line that is no rule, or a type that is there twice.
    """
    source = {"sdk": "", "documentation": ""}
    classes: dict[TypeName, TypeClass] = {}
    current: TypeClass | None = None
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            key, _, line = line.partition(":")  # noqa: PLW2901 - the rest of the line is read as any other
            if key in source:
                source[key] = line.strip()
                continue
            if key not in {kind.value for kind in TypeClass}:
                raise TypeRulesError(f"{path.name}: {key} is no class")
            current = TypeClass(key)
        for entry in line.split():
            module, _, name = entry.rpartition(":")
            type_name = TypeName(module or (_OTHERS if entry == _OTHERS else "index"), name)
            if current is None or type_name in classes:
                raise TypeRulesError(f"{path.name}: {entry} is there twice, or in no class")
            classes[type_name] = current
    return TypeRules(path.stem, classes=classes, **source)


def classify_types(
    rules: TypeRules, types: PackageTypes, reviewed: frozenset[TypeName]
) -> dict[TypeName, TypeClass]:
    """
    Return the class of each type.

    Args:
        rules: The rules.
        types: The types of the package.
        reviewed: The types that were there when the rules were reviewed.

    Raises:
        TypeRulesError: The rules name a type that the package does not have.
    """
    named = {name for name in rules.classes if name.name != _OTHERS}
    if missing := sorted(named - types.names):
        raise TypeRulesError(f"{rules.package} {types.version} has no {', '.join(map(':'.join, missing))}")
    return {
        name: rules.classes.get(name)
        or (name in reviewed and _find_wildcard(rules, name))
        or TypeClass.NOT_CLASSIFIED
        for name in types.names
    }


def _find_wildcard(rules: TypeRules, name: TypeName) -> TypeClass | None:
    of_module = rules.classes.get(TypeName(name.module, _OTHERS))
    return of_module or rules.classes.get(TypeName(_OTHERS, _OTHERS))


def read_installed(sdk: str) -> PackageTypes | None:
    """Return the types of an SDK that is installed here, without importing it; None if it is not."""
    spec = util.find_spec(sdk.replace("-", "_"))
    if spec is None or spec.origin is None:
        return None
    return PackageTypes(metadata.version(sdk), _parse_index(Path(spec.origin).read_text()))


def read_installed_secrets(sdk: str, files: str = "**/*.py") -> SecretInputs:
    """Return the secret inputs of an installed SDK's types, of those in some of its files."""
    spec = util.find_spec(sdk.replace("-", "_"))
    folder = Path(spec.origin).parent if spec and spec.origin else Path("none")
    return parse_secrets(path.read_text() for path in sorted(folder.glob(files)))


def parse_secrets(sources: Iterable[str]) -> SecretInputs:
    """Return the secret inputs of the types in some sources, one type a source, as the engine names them."""
    found: dict[TypeName, tuple[str, ...]] = {}
    for text in sources:
        registered, inputs = _REGISTERED.search(text), _SECRET.findall(text)
        if registered and inputs:
            names = {name: called for called, name in _GETTER.findall(text)}
            token = registered[1] if ":" in registered[1] else f"pulumi:providers:{registered[1]}"
            found[split_token(token)[1]] = tuple(names.get(name, name) for name in inputs)
    return found


def read_archive(path: Path) -> PackageTypes:
    """Return the types of an SDK's wheel or source distribution."""
    match = _ARCHIVE.fullmatch(path.name)
    if not match:
        raise TypeRulesError(f"{path.name} is no wheel and no source distribution")
    for text in _read_sources(path, "/__init__.py"):
        if names := _parse_index(text):
            return PackageTypes(match["version"], names, parse_secrets(_read_sources(path, ".py")))
    raise TypeRulesError(f"{path.name} registers no types")


def _read_sources(path: Path, ending: str) -> Iterator[str]:
    """Yield the texts of an archive's files whose names end so, those of the outer packages first."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(ending)]
            for name in sorted(names, key=lambda name: name.count("/")):
                yield archive.read(name).decode()
        return
    with tarfile.open(path) as archive:
        files = [entry for entry in archive.getmembers() if entry.isfile() and entry.name.endswith(ending)]
        for file in sorted(files, key=lambda file: file.name.count("/")):
            if content := archive.extractfile(file):
                yield content.read().decode()


def _parse_index(text: str) -> frozenset[TypeName]:
    match = _INDEX.search(text)
    modules = json.loads(match[1]) if match else []
    tokens = [token for module in modules for token in module["classes"]]
    # Some SDKs list a data source, whose name begins with a verb, among the resources.
    return frozenset(split_token(token)[1] for token in tokens if token.rpartition(":")[2][:1].isupper())


def render_table(
    rules: TypeRules, version: str, classes: Mapping[TypeName, TypeClass], secrets: SecretInputs
) -> str:
    """
    Return the text of a package's table.

    It has class -> module -> names, and module -> name -> secret inputs, each list separated by blanks.
    """
    table: dict[str, dict[str, str]] = {}
    for kind in TypeClass:
        modules: dict[str, list[str]] = {}
        for name in sorted(name for name, its in classes.items() if its is kind):
            modules.setdefault(name.module, []).append(name.name)
        table[kind.value] = {module: " ".join(names) for module, names in modules.items()}
    source = f"{rules.sdk} {version}" if rules.sdk else rules.documentation
    by_module: dict[str, dict[str, str]] = {}
    for (module, name), inputs in sorted(secrets.items()):
        by_module.setdefault(module, {})[name] = " ".join(sorted(inputs))
    return json.dumps({"source": source, "classes": table, "secrets": by_module}, indent=1) + "\n"


def generate(rules: TypeRules, types: PackageTypes | None, *, review: bool) -> str:
    """Return a package's table. Without an SDK, its rules name all types."""
    if types is None:
        types = PackageTypes("", frozenset(rules.classes))
    known = types.names if review else frozenset(read_table(rules.package))
    secrets = read_secrets(rules.package) if types.secrets is None else types.secrets
    return render_table(rules, types.version, classify_types(rules, types, known), secrets)


def all_rules() -> list[TypeRules]:
    """Return the rules of every package."""
    return [read_rules(path) for path in sorted(FOLDER.glob("*.rules"))]


def main() -> int:
    """Write the tables of the packages whose SDK is in the folder or installed, or that have none."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the archives of the SDKs are")
    parser.add_argument(
        "--reviewed", nargs="*", default=[], metavar="PACKAGE", help="whose rules cover new types"
    )
    arguments = parser.parse_args()
    archives = {
        match["name"].replace("_", "-"): path
        for path in sorted(arguments.folder.iterdir())
        if (match := _ARCHIVE.fullmatch(path.name))
    }
    for rules in all_rules():
        archive = archives.get(rules.sdk)
        types = read_archive(archive) if archive else read_installed(rules.sdk) if rules.sdk else None
        if types and not archive:
            types = replace(types, secrets=read_installed_secrets(rules.sdk))
        if rules.sdk and types is None:
            sys.stderr.write(f"{rules.package}: {rules.sdk} is not in the folder; its table stays.\n")
            continue
        text = generate(rules, types, review=rules.package in arguments.reviewed)
        (FOLDER / f"{rules.package}.json").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
