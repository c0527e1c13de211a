"""Pseudo-random values of the sample rows: the same on every machine for the same table and scale."""

import json
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from psycopg.types.json import Jsonb

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""All times of the sample are relative to this one, not to the time of loading."""

WORDS: Final[dict[str, list[Any]]] = json.loads(Path(__file__).with_name("words.json").read_text("utf-8"))


@dataclass(frozen=True)
class Size:
    """The number of rows of the main tables, from which the sizes of the others follow."""

    scale: int

    @property
    def organizations(self) -> int:
        return 5 * self.scale

    @property
    def users(self) -> int:
        return 4 * self.organizations

    @property
    def jobs(self) -> int:
        return 6 * self.organizations

    @property
    def candidates(self) -> int:
        return 200 * self.scale

    @property
    def applications(self) -> int:
        return 2 * self.candidates


class Draw(random.Random):
    """The random values of one table. Each table has its own, so that a change to it leaves the others."""

    def word(self, kind: str) -> Any:
        return self.choice(WORDS[kind])

    def moment(self, days: int = 300) -> datetime:
        return EPOCH + timedelta(
            seconds=self.randrange(days * 86_400), microseconds=self.randrange(1_000_000)
        )

    def uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.getrandbits(128), version=4)

    def text(self, sentences: int) -> str:
        return " ".join(str(self.word("sentences")) for _ in range(sentences))

    def address(self) -> str:
        """Return a postal_address in PostgreSQL's text format, with quoted fields."""
        city, code, country = self.word("cities")
        return f'("{self.randrange(200)} {city}-Straße, \\"hinten\\"","{city}","{code}",{country})'

    def document(self) -> Jsonb:
        return Jsonb(
            {
                "summary": self.text(2),
                "years": self.randrange(40),
                "ratio": self.random(),
                "links": [
                    f"https://example.org/{self.getrandbits(32):08x}" for _ in range(self.randrange(3))
                ],
                "remote": self.choice([True, False, None]),
                "nested": {"ключ": [1, {"深い": self.word("sentences")}]},
            }
        )


TableRows = Iterator[tuple[Any, ...]]
RowGenerator = Callable[[Size, Draw], TableRows]


class Tables(dict[str, tuple[tuple[str, ...], RowGenerator]]):
    """Columns and row generator of each table, in the order of loading."""

    def rows_of(self, *columns: str) -> Callable[[RowGenerator], RowGenerator]:
        """Register a function that yields the rows of the table of its name."""

        def register(generate: RowGenerator) -> RowGenerator:
            self[generate.__name__] = (columns, generate)
            return generate

        return register
