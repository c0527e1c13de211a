"""Waivers: reviewed exceptions of one rule for one resource, until a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from policies.framework.messages import Text, say

if TYPE_CHECKING:
    from policies.framework.waivers import Waiver

FILE: Final = Path(__file__).parents[1] / "waivers.yaml"
_LONGEST: Final = timedelta(days=90)


@dataclass(frozen=True)
class Waivers:
    """What the file says on a day: waivers in force, and what is wrong with the others."""

    in_force: "dict[tuple[str, str], Waiver]"
    """(rule, URN) -> the waiver."""

    problems: tuple[Text, ...]
    """Each names its entry by number."""


NONE: Final = Waivers({}, ())


def read(path: Path, *, today: date, rules: dict[str, bool]) -> Waivers:
    """
    Read the file; what is wrong with an entry is a problem of its own and waives nothing.

    Args:
        path: The file; one that does not exist waives nothing.
        today: The day, in UTC.
        rules: Rule -> whether it can be waived at all.
    """
    text = path.read_bytes() if path.exists() else b""
    if not any(line.partition(b"#")[0].strip() for line in text.splitlines()):
        return NONE
    # Most stacks have none, and what reads them takes a fifth of the pack's start.
    from policies.framework.waivers import entries_of, parsed  # noqa: PLC0415

    entries = entries_of(text)
    if entries is None:
        return Waivers({}, (say("the waivers' file is no list of waivers, so none of them counts"),))
    in_force: dict[tuple[str, str], Waiver] = {}
    problems: list[Text] = []
    for number, entry in enumerate(entries, 1):
        waiver, wrong = parsed(entry)
        if waiver:
            wrong += _wrong(waiver, today=today, rules=rules)
            if waiver.key in in_force:
                wrong.append("is there twice")
        if waiver and not wrong:
            in_force[waiver.key] = waiver
        problems += [Text(f"waiver {number} {what}") for what in wrong]
    return Waivers(in_force, tuple(problems))


def unmatched(waivers: Waivers, used: Iterable[tuple[str, str]], *, stack: str) -> list[Text]:
    """Return a problem for each waiver of this stack (the start of its URNs) that waived nothing."""
    left = set(waivers.in_force) - set(used)
    return [
        Text(f"the waiver of {rule} for {urn.rsplit('::', 1)[-1]} matches no violation; remove it")
        for rule, urn in sorted(left)
        if urn.startswith(stack)
    ]


def _wrong(waiver: "Waiver", *, today: date, rules: dict[str, bool]) -> list[str]:
    wrong: list[str] = []
    if waiver.rule not in rules:
        wrong.append("names no rule of this pack")
    elif not rules[waiver.rule]:
        wrong.append(f"is for {waiver.rule}, which can't be waived")
    if waiver.created > today:
        wrong.append(f"was created on {waiver.created}, which is yet to come")
    if waiver.expires - waiver.created > _LONGEST:
        wrong.append(f"lasts longer than {_LONGEST.days} days")
    if waiver.expires < today:
        wrong.append(f"expired on {waiver.expires}")
    return wrong


class Waiver(BaseModel):
    """One exception. Expires at the end of its day, UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    resource: Annotated[str, StringConstraints(pattern=r"^urn:pulumi:[^*]+::[^*]+::[^*]+::[^*]+$")]
    """The whole URN; a pattern would waive what nobody looked at."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=20)]
    owner: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    ticket: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)]
    created: date
    expires: date

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.resource


def entries_of(text: bytes) -> list[Any] | None:
    """Return the entries of a file; None for one that is no list."""
    try:
        entries = yaml.safe_load(text) or []
    except yaml.YAMLError:
        return None
    return cast("list[Any]", entries) if isinstance(entries, list) else None


def parsed(entry: Any) -> tuple[Waiver | None, list[str]]:
    """Return an entry as a waiver, or what is wrong with it."""
    try:
        return Waiver.model_validate(entry), []
    except ValidationError as error:
        return None, [
            f"is not valid: {'.'.join(str(step) for step in detail['loc']) or 'entry'}: {_said(detail)}"
            for detail in error.errors(include_url=False, include_context=False, include_input=False)
        ]


def _said(detail: Any) -> str:
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is no field of a waiver"
        case _:
            return detail["msg"][0].lower() + detail["msg"][1:]
