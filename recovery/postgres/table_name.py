"""Table names, as users write them and as patterns for pg_dump."""

import re
from dataclasses import dataclass
from typing import Self

from core.failure import Failure

_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


@dataclass(frozen=True)
class TableName:
    """A table's exact name. Without a schema, the search path decides."""

    schema: str | None
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Parse `table` or `schema.table`. As in SQL, a name with a dot or a quote is written in double quotes.

        Unlike in SQL, the case of letters counts with and without quotes. There are no wildcards.

        Raises:
            Failure: the text is not such a name.
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
        """The pattern for pg_dump that matches this name only: no character is special within quotes."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name) if part)
