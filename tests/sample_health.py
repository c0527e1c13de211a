"""A healthy stack's health, and changes of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from recovery.store import StoreKind
from status.health import (
    Answer,
    AnswerObjectives,
    BackupHealth,
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
    ScenarioHealth,
    ServiceHealth,
    StoreHealth,
    StoreInVault,
)

NOW = datetime(2030, 1, 15, 12, 0, tzinfo=UTC)
HOUR, DAY = 3_600.0, 86_400.0
ID = "20300115T021700Z-3f9a"


def backup(age_hours: float = 9, **changes: Any) -> BackupHealth:
    at = NOW - timedelta(hours=age_hours)
    return BackupHealth(
        id=ID,
        stored_at=at,
        age_seconds=age_hours * HOUR,
        shows=at - timedelta(minutes=2),
        holds="46 tables, 7,012 rows",
        bytes=191_234,
        locked_until=NOW + timedelta(days=30),
        proven_at=at + timedelta(minutes=20),
        proof="restored",
    ).model_copy(update=changes)


def in_vault(newest: BackupHealth | None, **changes: Any) -> Answer[StoreInVault]:
    found = StoreInVault(
        newest=newest, ids=(newest.id,) if newest else (), last_proven_at=newest.proven_at if newest else None
    )
    return Answer[StoreInVault](found=found.model_copy(update=changes))


def unknown(reason: str = "the vendor does not answer.") -> Answer[Any]:
    return Answer[Any](unknown=reason, next_step="see its status page.")


def store(name: StoreKind = "database", **vaults: Answer[StoreInVault]) -> StoreHealth:
    return StoreHealth(
        name=name,
        kind=name,
        vaults={
            "primary": vaults.get("primary", in_vault(backup())),
            "replica": vaults.get("replica", in_vault(backup(proven_at=None, proof=None))),
            "elsewhere": vaults.get("elsewhere", in_vault(backup(7, proven_at=None, proof=None))),
        },
        longest_age_seconds={"primary": 26.5 * HOUR, "replica": 26.75 * HOUR, "elsewhere": 28 * HOUR},
        longest_proof_age_seconds=30 * HOUR,
        loss_objective_seconds=27 * HOUR,
    )


def scenario(kind: str = "loss", stores: tuple[str, ...] = ("database",), **changes: Any) -> ScenarioHealth:
    return ScenarioHealth(
        scenario=kind,
        title={"loss": "The database's vendor is gone", "files": "Files are lost"}.get(kind, kind),
        stores=stores,
        drill="20300112T042300Z-3f9a",
        at=NOW - timedelta(days=3),
        age_seconds=3 * DAY,
        passed=True,
        back_seconds=1_260.0,
        back_objective_seconds=HOUR,
        lost_seconds=8 * HOUR,
        lost_objective_seconds=27 * HOUR,
    ).model_copy(update=changes)


def drills(*scenarios: ScenarioHealth) -> Answer[DrillHealth]:
    found = scenarios or (
        scenario(),
        scenario("files", ("files",), back_seconds=440.0),
        scenario("state", ("state",), back_seconds=95.0, lost_seconds=1.2 * HOUR),
    )
    return Answer[DrillHealth](
        found=DrillHealth(
            scenarios=found, longest_age_seconds=7 * DAY + 4 * HOUR, deployable_seconds=15 * DAY
        )
    )


def readiness(*failed: str, age_hours: float = 7, **changes: Any) -> Answer[ReadinessHealth]:
    report = ReportHealth(
        id="20300115T053700Z-3f9a",
        at=NOW - timedelta(hours=age_hours),
        age_seconds=age_hours * HOUR,
        verdict="not_ready" if failed else "ready",
        score=88 if failed else 100,
        failed=failed,
    )
    found = ReadinessHealth(newest=report, longest_age_seconds=2 * DAY, deployable_seconds=8 * DAY)
    return Answer[ReadinessHealth](found=found.model_copy(update=changes))


def monitor(
    name: str = "example health", state: str = "up", kind: Literal["monitor", "heartbeat"] = "monitor"
) -> MonitorHealth:
    return MonitorHealth.model_validate(
        {
            "name": name,
            "kind": kind,
            "state": state,
            "state_seconds": 12 * DAY if state == "up" else 190.0,
            "address": "" if kind == "heartbeat" else "https://api.example.com/health",
        }
    )


JOBS = ("database dump", "file backup", "proof of the backups", "recovery drill", "copy elsewhere")


def monitors(*changed: MonitorHealth) -> Answer[tuple[MonitorHealth, ...]]:
    usual = (
        monitor(),
        monitor("example version"),
        monitor("example frontend"),
        *(monitor(f"example {job}", kind="heartbeat") for job in JOBS),
    )
    return Answer[tuple[MonitorHealth, ...]](found=(*changed, *usual[len(changed) :]))


def crons(state: str = "ok") -> Answer[tuple[CronHealth, ...]]:
    return Answer[tuple[CronHealth, ...]](
        found=tuple(
            CronHealth.model_validate(
                {
                    "name": f"example {job}",
                    "state": "ok" if number else state,
                    "checked_in_at": NOW - timedelta(hours=9),
                    "next_at": NOW + timedelta(hours=15),
                }
            )
            for number, job in enumerate(JOBS)
        )
    )


def issues(*kinds: Literal["error", "alert"]) -> Answer[tuple[IssueHealth, ...]]:
    return Answer[tuple[IssueHealth, ...]](
        found=tuple(
            IssueHealth(
                id=f"BACKEND-{number}",
                title="TypeError: <b>undefined</b> is not a function"
                if kind == "error"
                else "Cron failure: example database dump",
                project="backend",
                kind=kind,
                level="error",
                count=number * 3,
                first_seen_at=NOW - timedelta(days=2),
                last_seen_at=NOW - timedelta(minutes=4),
            )
            for number, kind in enumerate(kinds, 1)
        )
    )


def quotas(share: float = 0.4, stored: float = 0.1) -> Answer[tuple[QuotaHealth, ...]]:
    end = datetime(2030, 2, 1, tzinfo=UTC)
    limit = 1_500 * HOUR
    return Answer[tuple[QuotaHealth, ...]](
        found=(
            QuotaHealth(
                database="database",
                quantity="compute time",
                used=share * limit,
                limit=limit,
                unit="seconds",
                renews_at=end,
            ),
            QuotaHealth(database="database", quantity="stored", used=stored * 50e9, limit=50e9, unit="bytes"),
        )
    )


def deadlines(*days: int) -> Answer[tuple[Deadline, ...]]:
    return Answer[tuple[Deadline, ...]](
        found=tuple(
            Deadline(
                what="vault-is-locked for vault-primary",
                ends_on=date(2030, 1, 15) + timedelta(days=count),
                kind="waiver",
            )
            for count in days
        )
    )


def service(name: str = "aws", state: str = "running") -> ServiceHealth:
    return ServiceHealth.model_validate(
        {"name": name, "state": state, "address": "http://127.0.0.1:20001", "pid": 4711}
    )


def health(**changes: Any) -> Health:
    """Return the health of a stack of which everything is well, with changes."""
    return Health(
        stack="prod",
        platform="example",
        environment="production",
        place="vendors",
        option="--stack prod",
        looked_at=NOW,
        deployment=Answer[DeploymentHealth](
            found=DeploymentHealth(
                resources=182,
                deployed_at=NOW - timedelta(days=4),
                first_made_at=NOW - timedelta(days=90),
            )
        ),
        stores=(store(), store("files"), store("state")),
        drills=drills(),
        readiness=readiness(),
        monitors=monitors(),
        crons=crons(),
        issues=issues(),
        quotas=quotas(),
        objectives=AnswerObjectives(latency_seconds=0.8, failure_ratio=0.05),
        drift=DriftHealth(looked_at=NOW - timedelta(hours=7), passes=True, differences=0, unknown=0),
        deadlines=deadlines(),
    ).model_copy(update=changes)
