"""Draws the sample's values: the same ones for the same table and scale, on every machine."""

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
"""All times of the sample lie around this one, never around the time of loading."""

WORDS: Final[dict[str, list[Any]]] = json.loads(Path(__file__).with_name("words.json").read_text("utf-8"))


@dataclass(frozen=True)
class Size:
    """How many rows the main tables have; the others follow from them."""

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
    """A table's own source of chance, so that a change to one table leaves the others as they are."""

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
        """Write a postal_address, whose text form quotes each field."""
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
Generate = Callable[[Size, Draw], TableRows]


class Tables(dict[str, tuple[tuple[str, ...], Generate]]):
    """Columns and rows of each table, in the order in which they are loaded."""

    def rows_of(self, *columns: str) -> Callable[[Generate], Generate]:
        """Register a function that yields the rows of the table it is named after."""

        def register(generate: Generate) -> Generate:
            self[generate.__name__] = (columns, generate)
            return generate

        return register
