"""The record of one response: bulwark-response-1. It has no secret."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.credential_forms import hide_credentials
from core.documents import read_json
from core.moment import Moment
from core.text import printable

FORMAT: Final = "bulwark-response-1"
ResponseOutcome = Literal["unfinished", "carried out", "failed"]
ActionState = Literal["begun", "done", "failed", "was done"]
"""`begun` alone says that the run ended meanwhile; `was done`: it was there before this run."""

_Text = Annotated[str, Field(max_length=4000)]


class _ResponseModel(BaseModel):
    """Part of a record: frozen, without unknown fields, and with credentials hidden in every text."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @field_validator("*")
    @classmethod
    def _hide_credentials(cls, value: Any) -> Any:
        match value:
            case str():
                return printable(hide_credentials(value), multiline=True)
            case dict():
                return {name: printable(hide_credentials(text)) for name, text in value.items()}
            case tuple() if all(isinstance(text, str) for text in value):
                return tuple(printable(hide_credentials(text)) for text in value)
            case _:
                return value


class RecordedProof(_ResponseModel):
    """What the stack declares or has deployed, and what the vendor answered."""

    what: _Text
    declared: _Text
    answered: _Text


class RecordedAction(_ResponseModel):
    """One change that was made, or was to be made."""

    name: _Text
    does: _Text
    state: ActionState
    began: Moment
    seconds: float = 0.0
    result: dict[str, str] = Field(default_factory=dict)
    error: _Text = ""


class ResponseRecord(_ResponseModel):
    """Who did what, when, at what, and how it was before and after."""

    format: Literal["bulwark-response-1"] = FORMAT
    id: _Text
    stack: _Text
    place: Literal["vendors", "twin"]
    step: _Text
    target: _Text
    options: dict[str, str] = Field(default_factory=dict)
    actor: _Text
    """The name at GitHub, or the user of the machine."""

    machine: _Text
    run_url: _Text = ""
    version: _Text
    """Of this program."""

    began: Moment
    ended: Moment | None = None
    runs: int = 1
    """How often it was begun, until it was whole."""

    outcome: ResponseOutcome = "unfinished"
    proofs: tuple[RecordedProof, ...] = ()
    before: dict[str, str] = Field(default_factory=dict)
    after: dict[str, str] = Field(default_factory=dict)
    actions: tuple[RecordedAction, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def seconds(self) -> float | None:
        """From the beginning to the end; None while it is unfinished."""
        return (self.ended - self.began).total_seconds() if self.ended else None

    def to_json(self) -> bytes:
        """Return the document to store."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def parse(document: bytes) -> ResponseRecord:
    """Return the record of a document. Raises DocumentError."""
    return read_json(document, ResponseRecord)
