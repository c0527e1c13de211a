"""Names of tables as a person writes them, and as pg_dump's patterns have them."""

import re
from dataclasses import dataclass
from typing import Self

from core.failure import Failure

_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


@dataclass(frozen=True)
class TableName:
    """A table's exact name. Without a schema it is the one that the search path finds."""

    schema: str | None
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read `table` or `schema.table`; what has a dot or a quote in it stands in double quotes, as in SQL.

        Unlike in SQL, letters are taken as they are written, with or without quotes; nothing is a wildcard.

        Raises:
            Failure: it is no such name.
        """
        parts: list[str] = []
        position = 0
        while match := _PART.match(text, position):
            parts.append(match[1].replace('""', '"') if match[1] else match[2])
            position = match.end()
            if position == len(text) or text[position] != ".":
                break
            position += 1
        if position != len(text) or text.endswith(".") or len(parts) not in {1, 2} or "\0" in text:
            raise Failure(
                f"{text!r} is not the name of a table.",
                'write table or schema.table, and "in quotes" what has a dot or a quote (twice) in it.',
            )
        return cls(parts[0] if len(parts) == 2 else None, parts[-1])

    @property
    def pattern(self) -> str:
        """The pattern that matches it and nothing else: within quotes no character is special to pg_dump."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name) if part)
