"""The text of a new stack's file, and how it gets onto the disk: whole, and never over another."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import yaml

from cli.new_stack.blocks import Blocks
from components.settings import PROJECT
from core.documents import parse_yaml
from core.failure import Failure
from core.text import printable

_COLUMNS: Final = 110
_INDENT: Final = 4
_LONGEST_MAPPING: Final = 90
"""Characters of a mapping in one line."""

_ABOUT: Final[Mapping[str, str]] = {
    "platform": "Every name at the vendors begins with `name`.",
    "services": "What the public reaches, how it is watched, and where its errors go.",
    "stores": "What is backed up. Pulumi.prod.yaml shows a database's `drill`: what a rehearsal asks of it.",
    "backups": "Two vaults of locked backups in two accounts and regions, and the jobs that prove them.",
    "uptime": "UptimeRobot looks from outside.",
    "errors": "Sentry collects errors.",
    "alerting": "Who is told, and of what.",
}
"""Block -> the comment above it."""

_UNWATCHED: Final = "No vendor looks at these addresses: there is neither `uptime` nor `errors`."


class _StackDumper(yaml.SafeDumper):
    """Writes lists of scalars in one line, and short mappings of scalars; never an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class names it
        return True

    def represent(self, data: Any) -> None:
        node = self.represent_data(data)
        if isinstance(node, yaml.CollectionNode):
            node.flow_style = False
        self.serialize(node)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        if len(repr(mapping)) > _LONGEST_MAPPING:
            node.flow_style = False
        return node


def write_text(stack: str, blocks: Blocks) -> str:
    """Return the text of the file; read as YAML it is the blocks again, whatever a vendor named things."""
    text = "".join(f"{line}\n" for line in _list_lines(stack, blocks))
    content = {"config": {f"{PROJECT}:{name}": block for name, block in blocks.items()}}
    assert parse_yaml(text) == content  # noqa: S101 - else the dumper has a defect
    return text


def _list_lines(stack: str, blocks: Blocks) -> Iterator[str]:
    environment = blocks["platform"]["environment"]
    yield f"# The stack {stack}, {environment}. Every value is plain; its secrets are set with"
    yield f"# `./bulwark pulumi config set --stack {stack} --secret ...` (docs/production.md, section 4)."
    yield "# yaml-language-server: $schema=./settings.schema.json"
    yield "config:"
    for number, (name, block) in enumerate(blocks.items()):
        if number:
            yield ""
        yield f"  # {_ABOUT[name]}"
        if name == "services" and not any("checks" in service for service in block.values()):
            yield f"  # {_UNWATCHED}"
        yield f"  {PROJECT}:{name}:"
        yield from (f"{' ' * _INDENT}{line}" for line in _dump(block).splitlines())


def _dump(block: Any) -> str:
    return yaml.dump(
        block,
        Dumper=_StackDumper,
        default_flow_style=None,
        sort_keys=False,
        width=_COLUMNS - _INDENT,
        # What changes the order of letters, or hides, is written as an escape.
        allow_unicode=_is_printable(block),
    )


def _is_printable(value: Any) -> bool:
    match value:
        case str():
            return printable(value) == value
        case dict():
            return all(map(_is_printable, (*value.keys(), *value.values())))
        case list():
            return all(map(_is_printable, value))
        case _:
            return True


def create(path: Path, text: str) -> None:
    """
    Create the file with this text, whole or not at all.

    Raises:
        Failure: there is something of that name already, which stays as it is, or it can't be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text)
        os.link(partial, path)  # unlike a renaming, it never replaces
    except FileExistsError:
        raise _refuse(path) from None
    except OSError as error:
        raise Failure(
            f"{path.name} can't be written: {error.strerror}.",
            "make its folder writable, or take the text that --dry-run prints.",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def require_free(path: Path) -> None:
    """Raise Failure if there is something of that name, even a link to nothing."""
    if os.path.lexists(path):
        raise _refuse(path)


def _refuse(path: Path) -> Failure:
    return Failure(
        f"There is a {path.name} already, which stays as it is.",
        f"choose another name with --stack, or move it away first (`git mv {path.name} FILE`).",
    )
