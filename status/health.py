"""
The health of a stack: bulwark-status-1, documented in docs/status.md.

It holds what was found, and for everything that could not be looked at the reason. Nothing here is assessed:
`assessment` does that.
"""

from datetime import date
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from core.moment import Moment

T = TypeVar("T")

VaultTitle = Literal["primary", "replica", "elsewhere"]
MonitorState = Literal["up", "down", "paused", "unarmed", "waiting", "missing"]
"""`unarmed`: what it watches had not answered at the last `up`, so that it is paused. `waiting`: it has not
answered yet. `missing`: it is declared, and the vendor does not have it."""

ProofMethod = Literal["restored", "read", "drill"]
"""How a backup was verified: restored and compared, its objects read, or restored by a drill."""


class HealthModel(BaseModel):
    """Base of all parts: frozen, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Answer(HealthModel, Generic[T]):
    """What a question was answered with; `unknown` is the reason if it was not, and `found` is then null."""

    found: T | None = None
    unknown: str = ""
    next_step: str = ""
    """What a person does about the reason."""


class DeploymentHealth(HealthModel):
    """What the stack's state says of it."""

    resources: int
    """Zero: it was never deployed."""

    deployed_at: Moment | None = None
    first_made_at: Moment | None = None
    """When its oldest monitor was made: since then its jobs are due."""


class ServiceHealth(HealthModel):
    """A service of the twin on this machine."""

    name: str
    state: Literal["running", "stopped", "unhealthy"]
    address: str
    pid: int | None = None
    detail: str = ""


class BackupHealth(HealthModel):
    """The newest backup of a store that counts. Times are the vault's."""

    id: str
    stored_at: Moment
    age_seconds: float
    """By the vault's clock."""

    shows: Moment | None = None
    """The moment of the backed-up state; None where the vault's listing alone was read."""

    holds: str = ""
    bytes: int | None = None
    locked_until: Moment | None = None
    proven_at: Moment | None = None
    proof: ProofMethod | None = None
    problems: tuple[str, ...] = ()
    """What its last verification found wrong."""


class StoreInVault(HealthModel):
    """A store's backups in one vault."""

    newest: BackupHealth | None
    """None: there is no backup that counts."""

    ids: tuple[str, ...] = ()
    """The newest backups, the newest first."""

    last_proven_at: Moment | None = None
    """When the newest proven backup was last restored and compared."""

    uncounted: int = 0
    """Backups that do not count, such as those without an attestation."""


class StoreHealth(HealthModel):
    """One store: its newest backup in each vault, and what is demanded of it."""

    name: str
    kind: Literal["database", "files", "state"]
    vaults: dict[VaultTitle, Answer[StoreInVault]]
    longest_age_seconds: dict[VaultTitle, float]
    """How old the newest backup may become: the longest gap of the schedule, lateness and run."""

    longest_proof_age_seconds: float
    loss_objective_seconds: float
    """RPO: what may be lost if the store's own vendor is gone."""


class ScenarioHealth(HealthModel):
    """The newest drill of one scenario and store that counts."""

    scenario: str
    title: str
    stores: tuple[str, ...]
    """The name of the store that it recovered; of `credentials` all of them, of `service` the service's."""

    drill: str
    """The drill's id."""

    at: Moment
    age_seconds: float
    """By the vault's clock."""

    passed: bool
    fault: str = ""
    """The first fault of the scenario."""

    back_seconds: float | None = None
    """RTO: from the declared incident until everything was verified."""

    back_objective_seconds: float | None = None
    lost_seconds: float | None = None
    lost_objective_seconds: float | None = None


class DrillHealth(HealthModel):
    """The drills in the primary vault."""

    scenarios: tuple[ScenarioHealth, ...]
    longest_age_seconds: float
    """How long ago the last drill of a store may be: the longest gap of the schedule, lateness and run."""

    deployable_seconds: float
    """How long after the last drill that passed the policies let a stack be deployed."""


class ReportHealth(HealthModel):
    """The newest readiness report that counts."""

    id: str
    at: Moment
    age_seconds: float
    """By the vault's clock."""

    verdict: Literal["ready", "not_ready", "unknown"]
    score: int | None
    """Percent."""

    failed: tuple[str, ...]
    """Ids of the checks that failed, the most urgent first."""


class ReadinessHealth(HealthModel):
    """The readiness reports in the primary vault."""

    newest: ReportHealth | None
    """None: there is none that counts."""

    longest_age_seconds: float
    """How old it may be: a report of every night is kept."""

    deployable_seconds: float
    """How long after the last report that passed the policies let production be deployed."""


class MonitorHealth(HealthModel):
    """A monitor or a heartbeat at UptimeRobot."""

    name: str
    kind: Literal["monitor", "heartbeat"]
    state: MonitorState
    state_seconds: float | None = None
    """For how long it has been in this state."""

    address: str = ""
    """What is watched; empty for a heartbeat, whose address is a secret."""


class CronHealth(HealthModel):
    """A cron monitor at Sentry, with its last check-in."""

    name: str
    state: Literal["ok", "failed", "waiting", "muted", "missing"]
    checked_in_at: Moment | None = None
    next_at: Moment | None = None


class IssueHealth(HealthModel):
    """An open issue at Sentry: an error of the platform, or an alert of a monitor."""

    id: str
    title: str
    project: str
    kind: Literal["error", "alert"]
    level: str
    count: int
    first_seen_at: Moment
    last_seen_at: Moment
    address: str = ""


QuotaQuantity = Literal["active time", "compute time", "written", "transferred", "stored"]


class QuotaHealth(HealthModel):
    """A limit of a database, with what is used of it; at the limit the vendor suspends the database."""

    database: str
    """Name of the store."""

    quantity: QuotaQuantity
    used: float
    limit: float
    unit: Literal["seconds", "bytes"]
    """Of both. A second of compute time is one of one compute unit."""

    renews_at: Moment | None = None
    """When it counts from zero again; None for what is stored."""

    @property
    def share(self) -> float:
        """What is used, as a part of the limit."""
        return self.used / self.limit


class DriftHealth(HealthModel):
    """What `audit --live` found when it was last run on this machine."""

    looked_at: Moment
    passes: bool
    differences: int
    """What is not as declared, not declared, or violates a policy."""

    unknown: int
    """What could not be looked at."""


class Deadline(HealthModel):
    """A day after which a reviewed exception does not count any more."""

    what: str
    ends_on: date
    kind: Literal["waiver", "undeclared"]
    problem: str = ""
    """Why it does not count now; empty if it does."""


class AnswerObjectives(HealthModel):
    """What the application's answers are measured by: `thresholds` of `bulwark:errors`."""

    latency_seconds: float
    """Within which 95 % of the requests are answered."""

    failure_ratio: float
    """Of the requests, how many may fail: from 0 to 1."""


class Health(HealthModel):
    """Everything that is known of a stack's health at one moment."""

    schema_version: Literal["bulwark-status-1"] = "bulwark-status-1"
    stack: str
    platform: str
    environment: str
    place: Literal["vendors", "twin"]
    option: str
    """What a command for this stack is given, such as `--stack prod --twin`."""

    looked_at: Moment
    """By this machine's clock."""

    deployment: Answer[DeploymentHealth]
    services: tuple[ServiceHealth, ...] = ()
    stores: tuple[StoreHealth, ...]
    drills: Answer[DrillHealth]
    readiness: Answer[ReadinessHealth]
    monitors: Answer[tuple[MonitorHealth, ...]]
    crons: Answer[tuple[CronHealth, ...]]
    issues: Answer[tuple[IssueHealth, ...]]
    quotas: Answer[tuple[QuotaHealth, ...]] = Field(
        default_factory=lambda: Answer[tuple[QuotaHealth, ...]](found=())
    )
    objectives: AnswerObjectives | None = None
    """None: the stack declares no error tracking."""

    drift: DriftHealth | None = None
    """None: nobody looked on this machine."""

    deadlines: Answer[tuple[Deadline, ...]]
    restored_servers: dict[str, str] = {}
    """Backup -> state of the server that `restore --to new` made of it on this machine."""
