"""Collects a stack's health: every independent question is asked at the same time."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from components.settings import Settings
from components.settings.services import project_slug
from live.declared import DeclaredStack, StateResource
from live.vendor_apis import Apis
from recovery.attestation import Trust
from recovery.drill.evidence import StackLocation
from recovery.elsewhere.vault import ElsewhereVault
from recovery.store import Store
from recovery.vault.vault import VaultClient
from status import deadlines, monitoring, quotas, stores
from status.health import (
    Answer,
    AnswerObjectives,
    CronHealth,
    Deadline,
    DeploymentHealth,
    DriftHealth,
    DrillHealth,
    Health,
    IssueHealth,
    MonitorHealth,
    QuotaHealth,
    ReadinessHealth,
    ReportHealth,
    ServiceHealth,
    VaultTitle,
)
from status.inquiry import Question
from status.stores import PrimaryVault, StoresInVault

STATE_SECONDS: Final = 45.0
"""How long the stack's state may take: the engine downloads it."""

VAULT_SECONDS: Final = 60.0
"""How long a vault may take: a year of backups and proofs is some 2,000 documents."""

VENDOR_SECONDS: Final = 30.0
"""How long a vendor's API may take after the state is there."""


@dataclass(frozen=True)
class Checkpoint:
    """What the engine last wrote of a stack's programs."""

    resources: tuple[StateResource, ...]
    deployed_at: datetime | None


@dataclass(frozen=True)
class Sources:
    """
    Where a stack's health is read.

    Each function may take its time, and raises Failure where there is no answer. Without a vault elsewhere,
    `open_elsewhere` is None.
    """

    read_checkpoint: Callable[[], Checkpoint]
    open_primary: Callable[[], VaultClient]
    open_replica: Callable[[], VaultClient]
    open_elsewhere: Callable[[], ElsewhereVault] | None
    open_apis: Callable[[], AbstractContextManager[Apis]]
    read_report: Callable[[], ReportHealth | None]
    trust: Trust
    policies: Path
    """The folder of the policies, with the files of reviewed exceptions."""


@dataclass(frozen=True)
class Subject:
    """The stack that is looked at, and what is known of it without asking anybody."""

    name: str
    place: StackLocation
    option: str
    settings: Settings
    stores: tuple[Store, ...]
    services: tuple[ServiceHealth, ...] = ()
    drift: DriftHealth | None = None
    restored_servers: Mapping[str, str] | None = None


def collect(subject: Subject, sources: Sources) -> tuple[Health, bool]:
    """Return the health, and whether somebody still has not answered."""
    settings = subject.settings
    organization = settings.errors.organization if settings.errors else ""
    state = Question("the stack's state", sources.read_checkpoint, limit_seconds=STATE_SECONDS)

    def find_declared() -> DeclaredStack:
        return DeclaredStack(state.result().resources)

    backups = settings.backups

    def read_primary() -> PrimaryVault:
        if not backups:
            return PrimaryVault({}, DrillHealth(scenarios=(), longest_age_seconds=0, deployable_seconds=0))
        return stores.read_primary(
            sources.open_primary(),
            sources.trust,
            place=subject.place,
            longest_drill_age=stores.worst_age(backups.drill),
            deployable=deadlines.read_longest_drill_age(sources.policies, subject.name),
        )

    def read_replica() -> StoresInVault:
        return stores.read_replica(sources.open_replica()) if backups else {}

    def read_readiness() -> ReadinessHealth:
        return ReadinessHealth(
            newest=sources.read_report() if backups else None,
            longest_age_seconds=deadlines.REPORT_AGE.total_seconds(),
            deployable_seconds=deadlines.read_longest_unready(sources.policies, subject.name).total_seconds(),
        )

    reports = Question("the readiness reports", read_readiness, limit_seconds=VAULT_SECONDS)
    primary = Question("the primary vault", read_primary, limit_seconds=VAULT_SECONDS)
    replica = Question("the replica", read_replica, limit_seconds=VAULT_SECONDS)
    copies = (
        Question[StoresInVault](
            "the vault elsewhere",
            lambda open_vault=sources.open_elsewhere: stores.read_elsewhere(open_vault()),
            limit_seconds=VAULT_SECONDS,
        )
        if sources.open_elsewhere
        else None
    )

    def read_monitors() -> tuple[MonitorHealth, ...]:
        with sources.open_apis() as apis:
            return monitoring.read_monitors(apis.uptimerobot, find_declared())

    def read_crons() -> tuple[CronHealth, ...]:
        with sources.open_apis() as apis:
            return monitoring.read_crons(apis.sentry, organization, find_declared())

    projects = [project_slug(name, service) for name, service in settings.services.items() if service.errors]

    def read_issues() -> tuple[IssueHealth, ...]:
        with sources.open_apis() as apis:
            return monitoring.read_issues(apis.sentry, organization, projects)

    def read_quotas() -> tuple[QuotaHealth, ...]:
        with sources.open_apis() as apis:
            return quotas.read_quotas(apis.neon, find_declared(), settings.neon)

    vendor_seconds = STATE_SECONDS + VENDOR_SECONDS
    # A vendor that the settings don't name has nothing of the stack, and is not asked.
    monitors = Question(
        "UptimeRobot", read_monitors if settings.uptime else tuple, limit_seconds=vendor_seconds
    )
    crons = Question("Sentry", read_crons if settings.errors else tuple, limit_seconds=vendor_seconds)
    issues = Question("Sentry", read_issues if settings.errors else tuple, limit_seconds=vendor_seconds)
    limits = Question(
        "Neon", read_quotas if quotas.has_quota(settings.neon) else tuple, limit_seconds=vendor_seconds
    )
    ends = Question(
        "the policies",
        lambda: deadlines.read_deadlines(sources.policies, subject.name),
        limit_seconds=VENDOR_SECONDS,
    )
    found, unknown, next_step = primary.find_answer()
    vaults: dict[VaultTitle, tuple[StoresInVault | None, str, str]] = {
        "primary": (found.stores if found else None, unknown, next_step),
        "replica": replica.find_answer(),
        **({"elsewhere": copies.find_answer()} if copies else {}),
    }
    checkpoint, no_state, state_step = state.find_answer()
    health = Health(
        stack=subject.name,
        platform=settings.platform.name,
        environment=settings.platform.environment,
        place="twin" if subject.place == "twin" else "vendors",
        option=subject.option,
        deployment=Answer[DeploymentHealth](
            found=describe(checkpoint) if checkpoint else None, unknown=no_state, next_step=state_step
        ),
        services=subject.services,
        stores=stores.combine(settings, subject.stores, vaults) if backups else (),
        drills=Answer[DrillHealth](
            found=found.drills if found else None, unknown=unknown, next_step=next_step
        ),
        readiness=reports.answer(Answer[ReadinessHealth]),
        monitors=monitors.answer(Answer[tuple[MonitorHealth, ...]]),
        crons=crons.answer(Answer[tuple[CronHealth, ...]]),
        issues=issues.answer(Answer[tuple[IssueHealth, ...]]),
        quotas=limits.answer(Answer[tuple[QuotaHealth, ...]]),
        objectives=_find_objectives(settings),
        drift=subject.drift,
        deadlines=ends.answer(Answer[tuple[Deadline, ...]]),
        restored_servers=dict(subject.restored_servers or {}),
        looked_at=datetime.now(UTC),
    )
    asked = (state, primary, reports, replica, monitors, crons, issues, limits, ends)
    return health, any(question.is_late for question in (*asked, *((copies,) if copies else ())))


def _find_objectives(settings: Settings) -> AnswerObjectives | None:
    if not settings.errors:
        return None
    thresholds = settings.errors.thresholds
    return AnswerObjectives(
        latency_seconds=thresholds.latency_milliseconds / 1_000,
        failure_ratio=thresholds.failure_rate_percent / 100,
    )


def describe(checkpoint: Checkpoint) -> DeploymentHealth:
    """Return what a state says of its deployment."""
    created: list[datetime] = []
    for resource in checkpoint.resources:
        if resource.get("type") == "uptimerobot:index/monitor:Monitor" and resource.get("created"):
            with suppress(ValueError):
                created.append(datetime.fromisoformat(str(resource["created"])))
    return DeploymentHealth(
        resources=len(checkpoint.resources),
        deployed_at=checkpoint.deployed_at,
        first_made_at=min(created, default=None),
    )
