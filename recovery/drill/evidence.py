"""
The evidence of a drill: bulwark-drill-1, documented in docs/drills.md.

Verdicts, faults and whether an objective is met are computed from the measurements, also when a document is
read: a document that states anything else is refused. So the wording of faults must not change: documents
with another wording could no longer be read. Anything that was not measured, checked or removed is a fault,
so a drill that broke off can't pass.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    computed_field,
    field_validator,
    model_validator,
)

from core.credential_forms import hide_credentials
from core.moment import Moment
from recovery.manifest import Count, LockMode, RunId, Sha256
from recovery.store import Store, StoreKind, StoreName

StackLocation = Literal["vendors", "twin", "file"]
ScenarioKind = Literal[
    "corruption", "loss", "replica", "elsewhere", "files", "state", "credentials", "service"
]
DrillVerdict = Literal["passed", "failed"]
Milestone = Literal["first_query", "verified", "health", "detected", "paged", "rolled_back"]
REQUIRED_MILESTONES: Final[dict[ScenarioKind, tuple[Milestone, ...]]] = {
    "corruption": ("first_query", "verified", "health"),
    "loss": ("first_query", "verified", "health"),
    "replica": ("first_query", "verified", "health"),
    "elsewhere": ("first_query", "verified", "health"),
    "files": ("verified",),
    "state": ("verified",),
    "credentials": (),
    "service": ("detected", "paged", "rolled_back", "health", "verified"),
}
"""The milestones that each scenario must have measured."""

RECOVERS: Final[dict[ScenarioKind, StoreKind]] = {
    "corruption": "database",
    "loss": "database",
    "replica": "database",
    "elsewhere": "database",
    "files": "files",
    "state": "state",
}
"""The kind of store that a scenario recovers, whatever else its evidence names; the others prove none."""


def title_scenario(kind: ScenarioKind, store: Store | None) -> str:
    """Return a scenario, with the store's name where that says more: `loss of orders`."""
    return kind if not store or store.name == store.kind else f"{kind} of {store.name}"


CopyPath = Literal["history", "vault", "replica", "elsewhere"]
"""Where a copy of a store is; `history` is the history at the store's vendor, and `vault` the primary one."""


def _hide_credentials(value: Any) -> Any:
    match value:
        case str():
            return hide_credentials(value)
        case tuple():
            return tuple(_hide_credentials(part) for part in value)
        case dict():
            return {hide_credentials(key): _hide_credentials(part) for key, part in value.items()}
        case _:
            return value


class EvidenceModel(BaseModel):
    """Part of the evidence: frozen, without unknown fields, and with credentials hidden in every text."""

    # Not strict: to the validator that wraps a model, pydantic gives Python's values of a JSON document, of
    # which strict mode takes neither a text for a time nor a list for a tuple.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, allow_inf_nan=False, defer_build=True
    )

    @field_validator("*")
    @classmethod
    def _hide_credentials(cls, value: Any) -> Any:
        return _hide_credentials(value)

    @model_validator(mode="wrap")
    @classmethod
    def _check_document(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Refuse a computed field with another value than the computed one, and a value of another type."""
        if not isinstance(data, dict):
            return handler(data)
        stated = {name: data[name] for name in cls.model_computed_fields if name in data}
        model = handler({name: value for name, value in data.items() if name not in stated})
        computed = model.model_dump(mode="json", include=set(stated))
        if wrong := [name for name, value in stated.items() if value != computed[name]]:
            raise ValueError(f"states {', '.join(wrong)} otherwise than its own content shows")
        if info.mode == "json":
            for name, value in data.items():
                if name not in stated and not _is_of_type(value, getattr(model, name)):
                    raise ValueError(f"has {name} in another type")
        return model


def _is_of_type(stated: Any, value: Any) -> bool:
    """Tell whether a value was read from one of its own type in a JSON document; models check themselves."""
    match stated:
        case bool() | None:
            return type(value) is type(stated)
        case int() | float():
            return type(value) in {int, float}
        case str():
            return isinstance(value, str | datetime)
        case list():
            return all(map(_is_of_type, stated, value))
        case dict() if isinstance(value, dict):
            return all(map(_is_of_type, stated.values(), value.values()))
        case _:
            return True


Seconds = Annotated[float, Field(ge=-1e12, le=1e12)]


class ControlReference(EvidenceModel):
    """A requirement of a standard that a drill meets."""

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


def _require_public_url(url: str) -> str:
    if not url.startswith("https://") or "@" in url or "?" in url:
        raise ValueError("is no https address, or has a user or a query in it")
    return url


class DrillIdentity(EvidenceModel):
    """Which stack was drilled, when, by whom and with which versions."""

    id: RunId
    """Sorts by time: `20300115T042300Z-3f9a`."""

    stack: str
    environment: Literal["production", "staging", "local", "drill"]
    place: StackLocation
    """
    Where the stack is; a drill on the twin proves nothing about production.

    `file`: there is no stack, and a recovery file names the stores. It proves nothing about a stack.
    """

    commit: str | None
    """The checkout's commit; None outside of a checkout."""

    changed: bool
    """Whether the checkout had uncommitted changes."""

    versions: dict[str, str]
    """Program -> version: bulwark, python, pulumi, pg_dump, pg_restore, server, ..."""

    trigger: Literal["schedule", "manual"]
    actor: str
    run_url: Annotated[str, AfterValidator(_require_public_url)] | None
    """URL of the CI run."""

    controls: tuple[ControlReference, ...] = CONTROLS


class LockedObject(EvidenceModel):
    """The manifest of the restored backup, as the vault reported it during the drill."""

    vault: Literal["primary", "replica", "elsewhere"]
    key: str
    version: str
    bytes: Count
    sha256: Sha256
    """Of the manifest's bytes."""

    lock_mode: LockMode | None
    locked_until: Moment | None


class SkippedBackup(EvidenceModel):
    """A newer backup that was not used, and the reason."""

    id: str
    why: str


class RecoveryPoint(EvidenceModel):
    """The backup, or the instant of the vendor's history, that was recovered."""

    path: CopyPath

    id: str
    """The backup's id, or the name of the branch of the history."""

    as_of: Moment
    """Moment of the recovered data: that of the backup's snapshot, or the requested instant."""

    choice: Literal["newest", "random", "chosen"]
    held: LockedObject | None
    """The backup's manifest; None for the history, which is not in a vault."""

    skipped: tuple[SkippedBackup, ...] = ()


class Measurement(EvidenceModel):
    """A time with an objective. If it was not measured, the objective is not met."""

    seconds: Seconds | None
    objective_seconds: Annotated[Seconds, Field(gt=0)]
    how: str
    """The event that ends the time, such as the answer to a query."""

    @computed_field
    @property
    def met(self) -> bool:
        return self.seconds is not None and 0 <= self.seconds <= self.objective_seconds

    def list_faults(self, name: str) -> Iterator[str]:
        """Yield why the objective is not met; `name` is what the time measures."""
        if self.seconds is None:
            yield f"{name} was not measured"
        elif self.seconds < 0:
            yield f"{name} of {self.seconds:,.1f} s can't be: something later than the incident came back"
        elif not self.met:
            yield f"{name} of {self.seconds:,.1f} s misses the objective of {self.objective_seconds:,g} s"


_LONGEST_SECONDS: Final = 1e9
"""32 years; added to the time of an incident it gives a time."""


def _require_short_times(times: dict[Milestone, Measurement]) -> dict[Milestone, Measurement]:
    if any(abs(measured.seconds or 0) > _LONGEST_SECONDS for measured in times.values()):
        raise ValueError("must be shorter than 32 years")
    return times


class Phase(EvidenceModel):
    """One step of the recovery, measured by the monotonic clock."""

    name: str
    started: Moment
    offset_seconds: Annotated[Seconds, Field(ge=0)]
    """Time from the declared incident."""

    seconds: Annotated[Seconds, Field(ge=0)]


class Check(EvidenceModel):
    """One comparison or test of what was recovered, and its outcome."""

    name: str
    what: str
    """What was tested, such as an SQL query."""

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
    """Deliberate damage to the recovered data, and what the same verification found."""

    damage: str
    found: tuple[str, ...]
    """If it is empty, the damage was not noticed, so the verification proves nothing."""

    @computed_field
    @property
    def noticed(self) -> bool:
        return bool(self.found)


class TeardownResult(EvidenceModel):
    """Something that the drill created, and whether it was gone afterwards."""

    name: str
    kind: str
    gone: bool
    proof: str
    """Where it was looked for, and the result."""


class UntestedScope(EvidenceModel):
    """Something that this drill does not test, and the reason."""

    what: str
    why: str


class CallAttempt(EvidenceModel):
    """One destructive call with a credential, and the answer to it."""

    credential: str
    """Whose it is, such as `backup-writer`."""

    call: str
    target: str
    expected: Literal["refused", "allowed"]
    outcome: Literal["refused", "allowed", "unknown"]
    how: Literal["made", "simulated", "not made"]
    """`simulated`: by IAM's policy simulator, which does nothing."""

    answer: str
    """What was answered, or why it was not asked."""

    left: str = ""
    """What is left after it, where it is allowed."""

    @property
    def fault(self) -> str:
        if self.outcome == self.expected or (self.outcome == "unknown" and self.how == "not made"):
            return ""
        what = f"{self.credential}: {self.call} on {self.target}"
        if self.outcome == "unknown":
            return f"{what} was neither allowed nor refused: {self.answer}"
        return f"{what} was {self.outcome}, and must be {self.expected}"


class CopyAfterwards(EvidenceModel):
    """A copy of a store, as it was found after everything that one credential can do."""

    credential: str
    store: StoreName
    path: CopyPath
    expected: Literal["kept", "lost"]
    state: Literal["restored", "unharmed", "lost"]
    """`unharmed`: it is there as before, and this drill restores nothing from it."""

    proof: str
    """What was restored or read, or what is wrong with it."""

    @property
    def fault(self) -> str:
        if (self.state == "lost") == (self.expected == "lost"):
            return ""
        what = f"{self.credential}: the copy of the {self.store} in {self.path}"
        if self.state == "lost":
            return f"{what} is lost: {self.proof}"
        return f"{what} is there, and was expected to be lost: {self.proof}"


class Scenario(EvidenceModel):
    """One kind of loss, and the recovery from it."""

    kind: ScenarioKind
    stores: tuple[StoreName, ...]
    """Names of the stores that it proves can be recovered: one, but for `credentials` and `service`."""

    service: str = ""
    """Of `service`: the service that was taken down, which is no store."""

    threat: str
    incident: Moment
    """Assumed moment of the loss."""

    declared: Moment
    """When the recovery began, and of `service` the bad deployment was made; all times count from here."""

    recovery_point: RecoveryPoint | None
    newest_change: Moment | None
    """Time of the newest change in the recovered data; None if it could not be determined."""

    newest_change_how: str
    """How it was determined, such as the query."""

    loss_objective_seconds: Annotated[Seconds, Field(gt=0)]
    phases: tuple[Phase, ...]
    times: Annotated[dict[Milestone, Measurement], AfterValidator(_require_short_times)]
    checks: tuple[Check, ...]
    negative_control: NegativeControl | None
    teardown: tuple[TeardownResult, ...]
    not_tested: tuple[UntestedScope, ...] = ()
    deviations: tuple[str, ...] = ()
    """Deviations from the plan that do not fail the scenario."""

    not_measured: tuple[Literal["health", "paged"], ...] = ()
    """Milestones that are unknown, as the stack declares nothing that they could be read from."""

    attempts: tuple[CallAttempt, ...] = ()
    """Of `credentials`: every destructive call, in the order in which they were made."""

    afterwards: tuple[CopyAfterwards, ...] = ()
    """Of `credentials`: what was left after each credential's calls."""

    error: str = ""
    """The error that ended the scenario."""

    @property
    def recovered(self) -> Store | None:
        """The store that it recovers; None for `credentials` and `service`."""
        kind = RECOVERS.get(self.kind)
        return Store(kind, self.stores[0]) if kind and len(self.stores) == 1 else None

    @property
    def title(self) -> str:
        """What messages and reports call it."""
        return f"{self.kind} of {self.service}" if self.service else title_scenario(self.kind, self.recovered)

    @property
    def has_loss(self) -> bool:
        """Whether data are recovered, so that some may be lost."""
        return self.kind in RECOVERS

    @model_validator(mode="after")
    def _require_subject(self) -> Self:
        if (self.kind == "service") != bool(self.service) or bool(self.service) == bool(self.stores):
            raise ValueError("names neither the stores nor the service that it is of, or both")
        return self

    @computed_field
    @property
    def loss(self) -> Measurement:
        """Time from the newest recovered change to the incident."""
        lost = (self.incident - self.newest_change).total_seconds() if self.newest_change else None
        return Measurement(
            seconds=lost, objective_seconds=self.loss_objective_seconds, how=self.newest_change_how
        )

    @computed_field
    @property
    def backup_age_seconds(self) -> float | None:
        """Time from the moment of the recovered data to the incident, in seconds."""
        point = self.recovery_point
        return (self.incident - point.as_of).total_seconds() if point else None

    @computed_field
    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that fails the scenario, one sentence each."""
        return tuple(self._list_faults())

    @computed_field
    @property
    def verdict(self) -> DrillVerdict:
        return "failed" if self.faults else "passed"

    def _list_faults(self) -> Iterator[str]:
        if self.error:
            yield f"broke off: {self.error}"
        if self.kind == "credentials":
            yield from self._list_faults_of_attempts()
        elif self.has_loss:
            yield from self._list_faults_of_recovery()
        if self.kind != "credentials":
            yield from self._list_faults_of_times()
        yield from (check.fault for check in self.checks if check.fault)
        damaged = "bad deployment" if self.kind == "service" else "damaged copy"
        if not self.negative_control:
            yield f"no {damaged} was tried, so nothing shows that damage would be found"
        elif not self.negative_control.noticed:
            yield f"a {damaged} passed for good: {self.negative_control.damage}"
        if not self.teardown and not self._is_simulated:
            yield "nobody looked whether anything of the drill is left"
        yield from (f"{item.kind} {item.name} is left behind" for item in self.teardown if not item.gone)

    @property
    def _is_simulated(self) -> bool:
        """Tell whether no call was made, so that nothing can be lost or left behind."""
        return bool(self.attempts) and all(attempt.how != "made" for attempt in self.attempts)

    def _list_faults_of_attempts(self) -> Iterator[str]:
        if not any(attempt.outcome != "unknown" for attempt in self.attempts):
            yield "no destructive call was answered"
        yield from (attempt.fault for attempt in self.attempts if attempt.fault)
        if self._is_simulated:
            return
        for credential in dict.fromkeys(attempt.credential for attempt in self.attempts):
            for store in self.stores:
                left = [one for one in self.afterwards if (one.credential, one.store) == (credential, store)]
                if not any(one.state == "restored" for one in left):
                    yield f"{credential}: no copy of the {store} was restored afterwards"
        yield from (copy.fault for copy in self.afterwards if copy.fault)

    def _list_faults_of_recovery(self) -> Iterator[str]:
        if not self.recovery_point:
            yield "there was no recovery point"
        elif self.recovery_point.path != "history" and not self.recovery_point.held:
            yield "the vault was not asked about the recovery point"
        yield from self.loss.list_faults("data loss")

    def _list_faults_of_times(self) -> Iterator[str]:
        required: list[Milestone] = [
            one for one in REQUIRED_MILESTONES[self.kind] if one not in self.not_measured
        ]
        for milestone in dict.fromkeys((*required, *self.times)):
            name = f"time to {milestone.replace('_', ' ')}"
            measured = self.times.get(milestone)
            yield from measured.list_faults(name) if measured else [f"{name} was not measured"]
        if not self.checks:
            yield "nothing was checked"


class Drill(EvidenceModel):
    """The evidence of one drill."""

    schema_version: Literal["bulwark-drill-1"] = "bulwark-drill-1"
    identity: DrillIdentity
    started: Moment
    finished: Moment
    scenarios: tuple[Scenario, ...]
    leftovers: tuple[str, ...] = ()
    """Things of earlier drills that this drill removed before it began."""

    error: str = ""
    """The error that ended the drill outside of any scenario."""

    @computed_field
    @property
    def faults(self) -> tuple[str, ...]:
        own = [f"broke off: {self.error}"] if self.error else []
        if not self.scenarios:
            own.append("no scenario was tried")
        return (*own, *(f"{one.title}: {fault}" for one in self.scenarios for fault in one.faults))

    @computed_field
    @property
    def verdict(self) -> DrillVerdict:
        return "failed" if self.faults else "passed"
