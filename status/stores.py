"""The stores of a stack: their newest backups in each vault, what is proven of them, and their drills."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from components.settings import Job, Settings
from core.objectives import worst_case_age
from recovery import catalogue
from recovery.attestation import Trust
from recovery.catalogue import Backup as StoredBackup
from recovery.catalogue import ListedBackup, Proof, choose_best_proof
from recovery.drill import records
from recovery.drill.evidence import Scenario, StackLocation
from recovery.drill.records import DrillRecord, ProofsByDrills
from recovery.drill.reports import head
from recovery.elsewhere.vault import ElsewhereVault
from recovery.manifest import BackupManifest
from recovery.manifests import MANIFESTS
from recovery.replica import MAX_REPLICATION_TIME
from recovery.store import STATE, Store
from recovery.vault.client import Forbidden
from recovery.vault.vault import VaultClient
from status.health import (
    Answer,
    BackupHealth,
    DrillHealth,
    ProofMethod,
    ScenarioHealth,
    StoreHealth,
    StoreInVault,
    VaultTitle,
)

_KEPT_IDS: Final = 10
"""Ids of backups that are kept for the comparison of the vaults."""

StoresInVault = Mapping[Store, StoreInVault]
"""The stores of which a vault holds backups."""

_NO_BACKUP: Final = StoreInVault(newest=None)


@dataclass(frozen=True)
class PrimaryVault:
    """What the primary vault holds: backups, and the evidence of drills."""

    stores: StoresInVault
    drills: DrillHealth


def read_primary(
    vault: VaultClient,
    trust: Trust,
    *,
    place: StackLocation,
    longest_drill_age: timedelta,
    deployable: timedelta,
) -> PrimaryVault:
    """
    Read the backups, their proofs and the drills of a stack.

    Raises:
        Failure: the vault can't be read.
    """
    now = read_clock(vault)
    evidence, judgements = records.read_records(vault, trust), catalogue.read_judgements(vault, trust)
    by_drills = records.proofs_by_drills(evidence)
    backups: defaultdict[Store, list[StoredBackup[BackupManifest]]] = defaultdict(list)
    for kind in MANIFESTS:
        for backup in catalogue.read_backups(vault, kind, trust, store=None, judgements=judgements):
            backups[backup.store].append(backup)
    return PrimaryVault(
        {store: _store_of(of_store, by_drills, now) for store, of_store in backups.items()},
        DrillHealth(
            scenarios=newest_scenarios(evidence, trust.stack, place, now),
            longest_age_seconds=longest_drill_age.total_seconds(),
            deployable_seconds=deployable.total_seconds(),
        ),
    )


def read_replica(vault: VaultClient) -> StoresInVault:
    """
    Read which backups the replica has, without opening them: S3 replicates them as they are.

    Raises:
        Failure: the vault can't be read.
    """
    now = read_clock(vault)
    backups: defaultdict[Store, list[ListedBackup]] = defaultdict(list)
    for kind in MANIFESTS:
        for listed in reversed(catalogue.list_backups(vault, kind, store=None)):
            backups[listed.store].append(listed)
    stores: dict[Store, StoreInVault] = {}
    for store, of_store in backups.items():
        entry = of_store[0].entry
        newest = BackupHealth(
            id=of_store[0].id,
            stored_at=entry.modified,
            age_seconds=_seconds(now - entry.modified),
            locked_until=vault.read_object_lock(entry.key, entry.version)[1],
        )
        stores[store] = StoreInVault(newest=newest, ids=tuple(one.id for one in of_store[:_KEPT_IDS]))
    return stores


def read_elsewhere(vault: ElsewhereVault) -> StoresInVault:
    """
    Read the copies in the vault elsewhere, which takes no private key.

    Raises:
        Failure: the vault can't be read.
    """
    now = read_clock(vault.stored)
    copies = sorted(vault.copies, key=lambda copy: copy.at, reverse=True)
    uncounted = Counter(
        listed.content.of_store for listed in vault.list_copies() if listed.fault and listed.content
    )
    stores: dict[Store, StoreInVault] = {}
    for store in dict.fromkeys((*(copy.of_store for copy in copies), *uncounted)):
        of_store = [copy for copy in copies if copy.of_store == store]
        newest = None
        if of_store:
            copy = of_store[0]
            newest = BackupHealth(
                id=copy.backup,
                stored_at=copy.at,
                age_seconds=_seconds(now - copy.at),
                shows=copy.shows,
                bytes=copy.bytes,
                locked_until=copy.locked_until,
            )
        stores[store] = StoreInVault(
            newest=newest,
            ids=tuple(copy.backup for copy in of_store[:_KEPT_IDS]),
            uncounted=uncounted[store],
        )
    return stores


def combine(
    settings: Settings,
    stores: Iterable[Store],
    answers: Mapping[VaultTitle, tuple[StoresInVault | None, str, str]],
) -> tuple[StoreHealth, ...]:
    """
    Return the stores, from what each vault was answered with.

    Args:
        settings: The stack's settings.
        stores: The stack's stores.
        answers: By vault what was found, or None with the reason and the next step.
    """
    return tuple(
        StoreHealth(
            name=store.name,
            kind=store.kind,
            vaults={
                title: Answer[StoreInVault](
                    found=found.get(store, _NO_BACKUP) if found is not None else None,
                    unknown=unknown,
                    next_step=next_step,
                )
                for title, (found, unknown, next_step) in answers.items()
            },
            longest_age_seconds={
                title: longest_age(settings, store, title).total_seconds() for title in answers
            },
            longest_proof_age_seconds=settings.objectives_of(store.name).proof_age_hours * 3600,
            loss_objective_seconds=settings.objectives_of(store.name).independent_recovery_point_hours * 3600,
        )
        for store in stores
    )


def longest_age(settings: Settings, store: Store, vault: VaultTitle) -> timedelta:
    """Return how old the newest backup of a store may be in a vault just before the next one completes."""
    backups = settings.vaults
    if vault == "elsewhere" and backups.elsewhere:
        return worst_age(backups.elsewhere.job)
    if store == STATE:
        # It is backed up when the first database is (.github/workflows/backup.yml).
        jobs = [one.backup for one in (*settings.databases.values(), *settings.sources.values())]
        age = worst_age(jobs[0] if jobs else backups.proof)
    else:
        age = worst_age(settings.stores[store.name].backup)
    return age + MAX_REPLICATION_TIME if vault == "replica" else age


def worst_age(job: Job) -> timedelta:
    """Return how old the last result of a job can be just before the next run completes."""
    return worst_case_age(
        job.schedule,
        longest_run=timedelta(minutes=job.longest_run_minutes),
        lateness=timedelta(minutes=job.lateness_minutes),
    )


def newest_scenarios(
    evidence: Iterable[DrillRecord], stack: str, place: StackLocation, now: datetime
) -> tuple[ScenarioHealth, ...]:
    """Return the newest run of each scenario for each store or service, by a drill that counts."""
    newest: dict[tuple[str, Store | None, str], ScenarioHealth] = {}
    counted = [one for one in evidence if one.counts and one.proven_at]
    for record in sorted(counted, key=lambda record: (record.proven_at, record.id), reverse=True):
        drill, at = record.drill, record.proven_at
        if not drill or not at or (drill.identity.stack, drill.identity.place) != (stack, place):
            continue
        for scenario in drill.scenarios:
            key = (scenario.kind, scenario.recovered, scenario.service)
            if key not in newest:
                fault = next(iter(drill.faults), "") if drill.error else next(iter(scenario.faults), "")
                newest[key] = _scenario_of(scenario, record.id, at, now, fault)
    return tuple(sorted(newest.values(), key=lambda scenario: (scenario.at, scenario.scenario), reverse=True))


def _scenario_of(scenario: Scenario, drill: str, at: datetime, now: datetime, fault: str) -> ScenarioHealth:
    verified = scenario.times.get("verified")
    has_loss = scenario.has_loss
    return ScenarioHealth(
        scenario=scenario.kind,
        title=head(scenario),
        stores=tuple(scenario.stores) or (scenario.service,),
        drill=drill,
        at=at,
        age_seconds=_seconds(now - at),
        passed=scenario.verdict == "passed" and not fault,
        fault=fault,
        back_seconds=verified.seconds if verified else None,
        back_objective_seconds=verified.objective_seconds if verified else None,
        lost_seconds=scenario.loss.seconds if has_loss else None,
        lost_objective_seconds=scenario.loss.objective_seconds if has_loss else None,
    )


def _store_of(
    backups: Sequence[StoredBackup[BackupManifest]], by_drills: ProofsByDrills, now: datetime
) -> StoreInVault:
    counted = [backup for backup in backups if backup.counts]
    return StoreInVault(
        newest=_backup_of(counted[0], by_drills, now) if counted else None,
        ids=tuple(backup.id for backup in counted[:_KEPT_IDS]),
        last_proven_at=records.last_proven(counted, by_drills),
        uncounted=len(backups) - len(counted),
    )


def _backup_of(
    backup: StoredBackup[BackupManifest], by_drills: ProofsByDrills, now: datetime
) -> BackupHealth:
    manifest = backup.manifest
    of_drills = records.proofs_of(by_drills, backup)
    proof = choose_best_proof([*backup.proofs, *of_drills])
    return BackupHealth(
        id=backup.id,
        stored_at=backup.stored_at,
        age_seconds=_seconds(now - backup.stored_at),
        shows=manifest.snapshot_at if manifest else None,
        holds=manifest.summary if manifest else "",
        bytes=manifest.bytes if manifest else None,
        locked_until=manifest.locked_until if manifest else None,
        proven_at=proof.proven_at if proof else None,
        proof=_method(proof, of_drills) if proof else None,
        problems=proof.verification.problems if proof else (),
    )


def _method(proof: Proof, of_drills: Sequence[Proof]) -> ProofMethod:
    if proof in of_drills:
        return "drill"
    return "restored" if proof.verification.deep else "read"


def read_clock(vault: VaultClient) -> datetime:
    """Return the vault's present time, and this machine's where the credentials may list records alone."""
    try:
        return vault.read_clock()
    except Forbidden:
        return datetime.now(UTC)


def _seconds(duration: timedelta) -> float:
    """Return an age in seconds; what is newer than the clock's last second has none."""
    return max(0.0, duration.total_seconds())
