"""
What one drill shows: bulwark-drill-1, documented in docs/drills.md.

What follows from what was measured (verdicts, faults, whether an objective is met) is computed, also when a
document is read: one that states anything else is refused. What was not measured, looked at or removed is a
fault, so a drill that broke off can't pass.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    computed_field,
    field_validator,
    model_validator,
)

from core.credential_forms import hidden
from recovery.manifest import LockMode, Sha256


def _without_credentials(value: Any) -> Any:
    match value:
        case str():
            return hidden(value)
        case tuple():
            return tuple(_without_credentials(part) for part in value)
        case dict():
            return {hidden(key): _without_credentials(part) for key, part in value.items()}
        case _:
            return value


class EvidenceModel(BaseModel):
    """Part of the evidence: frozen, nothing unknown in it, and no credential in any of its texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _hidden(cls, value: Any) -> Any:
        return _without_credentials(value)

    @model_validator(mode="wrap")
    @classmethod
    def _computed(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict):
            return handler(data)
        stated = {name: data[name] for name in cls.model_computed_fields if name in data}
        made = handler({name: value for name, value in data.items() if name not in stated})
        shown = made.model_dump(mode="json", include=set(stated))
        if wrong := [name for name, value in stated.items() if value != shown[name]]:
            raise ValueError(f"states {', '.join(wrong)} otherwise than its own content shows")
        return made


StackLocation = Literal["vendors", "twin"]


class ControlReference(EvidenceModel):
    """A requirement that a drill answers."""

    framework: str
    id: str
    asks: str


CONTROLS: Final = (
    ControlReference(framework="SOC 2 2017", id="A1.3", asks="recovery is tested"),
    ControlReference(framework="SOC 2 2017", id="A1.2", asks="backups and recovery infrastructure exist"),
    ControlReference(framework="ISO 27001 2022", id="A.5.30", asks="readiness for continuity is tested"),
    ControlReference(
        framework="ISO 27001 2022", id="A.8.13", asks="information is backed up, and backups tested"
    ),
    ControlReference(framework="NIST 800-53 r5", id="CP-4", asks="the contingency plan is tested"),
    ControlReference(framework="NIST 800-53 r5", id="CP-9(1)", asks="backups are tested"),
    ControlReference(framework="CIS Controls 8.1", id="11.5", asks="recovery is tested"),
)


def _public(url: str) -> str:
    if not url.startswith("https://") or "@" in url or "?" in url:
        raise ValueError("is no https address, or has a user or a query in it")
    return url


class DrillIdentity(EvidenceModel):
    """Who tried what, with which code."""

    id: str
    """Sorts by time: `20300115T042300Z-3f9a`."""

    stack: str
    environment: Literal["production", "local", "drill"]
    place: StackLocation
    """Where the stack lives; a drill on the twin proves nothing of production."""

    commit: str | None
    """The checkout's; None outside of one."""

    changed: bool
    """Whether the checkout held changes that are in no commit."""

    versions: dict[str, str]
    """Program -> version: bulwark, python, pulumi, pg_dump, pg_restore, server, ..."""

    trigger: Literal["schedule", "manual"]
    actor: str
    run_url: Annotated[str, AfterValidator(_public)] | None
    """The CI run."""

    controls: tuple[ControlReference, ...] = CONTROLS


ScenarioKind = Literal["corruption", "loss", "replica", "files", "state"]
StoreName = Literal["database", "files", "state"]
DrillVerdict = Literal["passed", "failed"]
Milestone = Literal["first_query", "verified", "health"]

NEEDED: Final[dict[ScenarioKind, tuple[Milestone, ...]]] = {
    "corruption": ("first_query", "verified", "health"),
    "loss": ("first_query", "verified", "health"),
    "replica": ("first_query", "verified", "health"),
    "files": ("verified",),
    "state": ("verified",),
}
"""The milestones without which a scenario has not shown how fast it is."""


class LockedObject(EvidenceModel):
    """An object that was restored from, as the vault told of it during the drill."""

    vault: Literal["primary", "replica"]
    key: str
    version: str
    bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256
    """Of a backup of the database: its manifest's."""

    lock_mode: LockMode | None
    locked_until: AwareDatetime | None


class Skipped(EvidenceModel):
    """A newer recovery point that was not used."""

    id: str
    why: str


class RecoveryPoint(EvidenceModel):
    """What was recovered from."""

    path: Literal["history", "vault", "replica"]
    """`history` is that of the store's own vendor."""

    id: str
    """Of the backup; of a branch from history its name."""

    as_of: AwareDatetime
    """The moment that it shows: its snapshot's, or the instant that was asked for."""

    choice: Literal["newest", "random", "chosen"]
    held: LockedObject | None
    """None where history was used, which is no object in a vault."""

    skipped: tuple[Skipped, ...] = ()


class Measured(EvidenceModel):
    """A time that has an objective; None: it was not measured, which is never good enough."""

    seconds: float | None
    objective_seconds: Annotated[float, Field(gt=0)]
    how: str
    """What the time ends with, such as the query that was answered."""

    @computed_field
    @property
    def met(self) -> bool:
        return self.seconds is not None and 0 <= self.seconds <= self.objective_seconds

    def faults(self, what: str) -> Iterator[str]:
        """Say why it is not met; `what` it is the time of."""
        if self.seconds is None:
            yield f"{what} was not measured"
        elif self.seconds < 0:
            yield f"{what} of {self.seconds:,.1f} s can't be: something later than the incident came back"
        elif not self.met:
            yield f"{what} of {self.seconds:,.1f} s misses the objective of {self.objective_seconds:,g} s"


class Phase(EvidenceModel):
    """One step of the recovery, by the monotonic clock."""

    name: str
    started: AwareDatetime
    offset_seconds: Annotated[float, Field(ge=0)]
    """From the declared incident."""

    seconds: Annotated[float, Field(ge=0)]


class Check(EvidenceModel):
    """One thing that was looked at, or could not be."""

    name: str
    what: str
    """What was asked, such as its SQL."""

    expected: str
    actual: str
    outcome: Literal["passed", "failed", "not_run"]
    why: str = ""

    @property
    def fault(self) -> str:
        match self.outcome:
            case "passed":
                return ""
            case "failed":
                return f"{self.name}: expected {self.expected}, found {self.actual}"
            case "not_run":
                return f"{self.name} could not run: {self.why or 'nobody knows why'}"


class NegativeControl(EvidenceModel):
    """A copy that was damaged on purpose, and what the same verification found in it."""

    damage: str
    found: tuple[str, ...]
    """Empty: it was not noticed, so the verification proves nothing."""

    @computed_field
    @property
    def noticed(self) -> bool:
        return bool(self.found)


class Removed(EvidenceModel):
    """Something that the drill made, and what a look at it afterwards showed."""

    name: str
    kind: str
    gone: bool
    proof: str
    """Who was asked, and what was answered."""


class Untested(EvidenceModel):
    """What this drill says nothing of."""

    what: str
    why: str


class Scenario(EvidenceModel):
    """One way of losing something, and the way back from it."""

    kind: ScenarioKind
    stores: Annotated[tuple[StoreName, ...], Field(min_length=1)]
    """What it proves can be recovered."""

    threat: str
    incident: AwareDatetime
    """Assumed moment of the loss."""

    declared: AwareDatetime
    """When the recovery began: all its times count from here."""

    recovery_point: RecoveryPoint | None
    newest_change: AwareDatetime | None
    """Of what was recovered, from the data itself; None where it could not be found."""

    newest_change_how: str
    """Where it was read, such as a query."""

    loss_objective_seconds: Annotated[float, Field(gt=0)]
    phases: tuple[Phase, ...]
    times: dict[Milestone, Measured]
    checks: tuple[Check, ...]
    negative_control: NegativeControl | None
    teardown: tuple[Removed, ...]
    not_tested: tuple[Untested, ...] = ()
    deviations: tuple[str, ...] = ()
    """What went otherwise than planned, and did not fail it."""

    error: str = ""
    """What broke it off."""

    @computed_field
    @property
    def loss(self) -> Measured:
        """From the newest recovered change to the incident."""
        lost = (self.incident - self.newest_change).total_seconds() if self.newest_change else None
        return Measured(
            seconds=lost, objective_seconds=self.loss_objective_seconds, how=self.newest_change_how
        )

    @computed_field
    @property
    def backup_age_seconds(self) -> float | None:
        """From the moment that the recovery point shows to the incident."""
        point = self.recovery_point
        return (self.incident - point.as_of).total_seconds() if point else None

    @computed_field
    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that fails it, in words."""
        return tuple(self._faults())

    @computed_field
    @property
    def verdict(self) -> DrillVerdict:
        return "failed" if self.faults else "passed"

    def _faults(self) -> Iterator[str]:
        if self.error:
            yield f"broke off: {self.error}"
        if not self.recovery_point:
            yield "there was no recovery point"
        elif self.recovery_point.path != "history" and not self.recovery_point.held:
            yield "the vault was not asked about the recovery point"
        yield from self.loss.faults("data loss")
        for milestone in dict.fromkeys((*NEEDED[self.kind], *self.times)):
            what = f"time to {milestone.replace('_', ' ')}"
            measured = self.times.get(milestone)
            yield from measured.faults(what) if measured else [f"{what} was not measured"]
        if not self.checks:
            yield "nothing was checked"
        yield from (check.fault for check in self.checks if check.fault)
        if not self.negative_control:
            yield "no damaged copy was tried, so nothing shows that damage would be found"
        elif not self.negative_control.noticed:
            yield f"a damaged copy passed for good: {self.negative_control.damage}"
        if not self.teardown:
            yield "nobody looked whether anything of the drill is left"
        yield from (f"{one.kind} {one.name} is left behind" for one in self.teardown if not one.gone)


class Drill(EvidenceModel):
    """The evidence of one drill."""

    schema_version: Literal["bulwark-drill-1"] = "bulwark-drill-1"
    identity: DrillIdentity
    started: AwareDatetime
    finished: AwareDatetime
    scenarios: tuple[Scenario, ...]
    leftovers: tuple[str, ...] = ()
    """What earlier drills had left behind, and this one removed before it began."""

    error: str = ""
    """What broke it off outside of any scenario."""

    @computed_field
    @property
    def faults(self) -> tuple[str, ...]:
        own = [f"broke off: {self.error}"] if self.error else []
        if not self.scenarios:
            own.append("no scenario was tried")
        return (*own, *(f"{one.kind}: {fault}" for one in self.scenarios for fault in one.faults))

    @computed_field
    @property
    def verdict(self) -> DrillVerdict:
        return "failed" if self.faults else "passed"
