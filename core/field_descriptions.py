"""Docstrings of a model's fields as the descriptions in its JSON Schema."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType

from pydantic import BaseModel


def describe_fields(model: type[BaseModel], inherited: Mapping[str, str] = MappingProxyType({})) -> None:
    """
    Put the docstrings of the fields of a model and its subclasses into their schemas.

    Only what prints a schema calls it. `use_attribute_docstrings` would read and parse the source of every
    class at every start.
    """
    described = {**inherited, **dict(_list_docstrings(model))}
    for name, text in described.items():
        model.model_fields[name].description = text
    model.model_rebuild(force=True)
    for kind in model.__subclasses__():
        describe_fields(kind, described)


def _list_docstrings(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    (defined,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(defined, ast.ClassDef)  # noqa: S101 - that is the source of a class at a module's level
    for field, then in pairwise(defined.body):
        match field, then:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
            case _:
                pass
