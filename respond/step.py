"""A step of a response to an incident: what it would do, and the proof that its target is what is meant."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from core.failure import Failure
from engine.stack_target import StackTarget


class StepOptions(NamedTuple):
    """What a person chose beside step and target; each step takes some of it."""

    at: datetime | None = None
    """The instant that is restored, in UTC."""

    keep_as: str = ""
    """Name under which what is replaced is kept."""

    role: str = ""
    """Which of several, such as the database role whose password is changed."""

    deployment: str = ""
    """Id of a deployment, as the service's host has it."""

    key: str = ""
    """Id of a vendor's API key that another one replaces."""

    revoke: str = ""
    """Id of one that was replaced, and is revoked."""

    key_file: str = ""
    """File on this machine for the new key."""

    def document(self) -> dict[str, str]:
        """Return what was chosen, by option, as the record has it."""
        texts = {**self._asdict(), "at": format_instant(self.at) if self.at else ""}
        return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True)
class RespondContext:
    """The stack, with what its state and its tokens give to a step."""

    target: StackTarget
    outputs: Mapping[str, Any] = field(repr=False)
    """The outputs of the deployed stack, secrets in clear."""

    tokens: Mapping[str, str] = field(repr=False)
    """Environment variable -> a vendor's token."""


@dataclass(frozen=True)
class TargetProof:
    """One thing by which a target is known: what the stack declares or deployed, and what was answered."""

    what: str
    declared: str
    answered: str

    @property
    def holds(self) -> bool:
        return bool(self.declared) and self.declared == self.answered


@dataclass(frozen=True)
class ResponseAction:
    """One change. It may be made again: what an interrupted run has done stays as it is."""

    name: str
    does: str
    """A sentence, with the request or the statement itself; no secret."""

    run: Callable[[], Mapping[str, str]] = field(repr=False)
    """Makes the change, and returns what the record keeps of it, which is no secret. Raises Failure."""

    is_done: bool = False


@dataclass(frozen=True)
class ResponsePlan:
    """What a step found, and what it would change."""

    proofs: tuple[TargetProof, ...]
    found: Mapping[str, str]
    """The state now, by a short name; the record has it before and after."""

    actions: tuple[ResponseAction, ...]
    left: tuple[str, ...] = ()
    """What the step doesn't reach: a sentence each, with what to type or where to click."""

    next_step: str = ""
    """What is typed after it; `{options}` stands for the options that name the stack."""

    @property
    def is_done(self) -> bool:
        return all(action.is_done for action in self.actions)


@dataclass(frozen=True)
class ResponseStep:
    """A step that `./bulwark respond` knows."""

    name: str
    title: str
    """What it does, in one line."""

    takes: str
    """What its target is, such as `a database`."""

    rights: str
    """The least that it needs: which token or role, and where that is."""

    plan: Callable[[RespondContext, str, StepOptions], ResponsePlan] = field(repr=False)
    """Looks, and changes nothing. Raises Failure: no such target, or it can't be looked at."""


def require_proven(step: str, proofs: Iterable[TargetProof]) -> tuple[TargetProof, ...]:
    """Return the proofs. Raise Failure if one does not hold: then the target is another than the declared."""
    kept = tuple(proofs)
    for proof in kept:
        if not proof.holds:
            raise Failure(
                f"{step} was refused, because its target is not the declared one: {proof.what} is "
                f"{proof.answered or 'missing'}, and {proof.declared or 'nothing'} is declared.",
                "look whose token and which stack this is; nothing was changed.",
            )
    return kept


def choose_target(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the name of a target. Raise Failure if there is none of this name."""
    names = sorted(known)
    if name not in names:
        raise Failure(
            f"The stack has no {kind} {name}.", f"choose one of these: {', '.join(names) or 'there is none'}."
        )
    return name


def format_instant(moment: datetime) -> str:
    """Return a moment as vendors and the options take it: UTC, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
