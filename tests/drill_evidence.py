"""Evidence of drills for tests: one that passed, and variations of it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from recovery.drill.evidence import (
    Check,
    Drill,
    DrillIdentity,
    LockedObject,
    Measurement,
    Milestone,
    NegativeControl,
    Phase,
    RecoveryPoint,
    Scenario,
    ScenarioKind,
    SkippedBackup,
    TeardownResult,
    UntestedScope,
)

NOW: Final = datetime(2030, 1, 15, 4, 23, tzinfo=UTC)
_STORES: Final[dict[ScenarioKind, tuple[str, ...]]] = {"files": ("files",), "state": ("state",)}


def drill(*scenarios: Scenario, at: datetime = NOW, **changes: Any) -> Drill:
    """Return a drill of these scenarios; without any, of one that passed."""
    fields: dict[str, Any] = {
        "identity": identity(at),
        "started": at,
        "finished": at + timedelta(seconds=95),
        "scenarios": scenarios or (scenario(at=at),),
        **changes,
    }
    return Drill(**fields)


def identity(at: datetime = NOW, **changes: Any) -> DrillIdentity:
    fields: dict[str, Any] = {
        "id": f"{at:%Y%m%dT%H%M%SZ}-3f9a",
        "stack": "prod",
        "environment": "production",
        "place": "vendors",
        "commit": "c38f5a6e0d1f4b2a9c7d8e6f5a4b3c2d1e0f9a8b",
        "changed": False,
        "versions": {"bulwark": "0.1.0", "pg_restore": "18.4", "server": "17.2"},
        "trigger": "schedule",
        "actor": "github-actions",
        "run_url": "https://github.com/example/platform/actions/runs/1",
        **changes,
    }
    return DrillIdentity(**fields)


def scenario(kind: ScenarioKind = "loss", *, at: datetime = NOW, **changes: Any) -> Scenario:
    """Return a scenario that passed, with some fields changed."""
    incident = at - timedelta(minutes=2)
    taken = incident - timedelta(hours=2)
    fields: dict[str, Any] = {
        "kind": kind,
        "stores": _STORES.get(kind, ("database",)),
        "threat": "The database's project is deleted, and its history with it.",
        "incident": incident,
        "declared": at,
        "recovery_point": RecoveryPoint(
            path="vault",
            id="20300115T021700Z-77ab",
            as_of=taken,
            choice="newest",
            held=LockedObject(
                vault="primary",
                key="database/daily/database/20300115T021700Z-77ab/manifest.json",
                version="3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY",
                bytes=18_211,
                sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                lock_mode="COMPLIANCE",
                locked_until=at + timedelta(days=30),
            ),
            skipped=(SkippedBackup(id="20300115T031700Z-0b1c", why="its manifest can't be read"),),
        ),
        "newest_change": taken - timedelta(seconds=3),
        "newest_change_how": "SELECT max(written_at) FROM canary",
        "loss_objective_seconds": 27 * 3600,
        "phases": phases(at, ("provision", 12.5), ("fetch", 4.0), ("restore", 31.2), ("verify", 18.0)),
        "times": times(first_query=48.1, verified=66.0, health=67.4),
        "checks": (
            Check(
                name="tables",
                what="every table's rows and digest against the manifest",
                expected="46 equal",
                actual="46 equal",
                outcome="passed",
            ),
            Check(
                name="orphans",
                what="SELECT count(*) FROM applications WHERE job_id NOT IN (SELECT id FROM jobs)",
                expected="0",
                actual="0",
                outcome="passed",
            ),
        ),
        "negative_control": NegativeControl(
            damage="one row of companies changed", found=("rows of public.companies differ",)
        ),
        "teardown": (
            TeardownResult(
                name="drill-3f9a", kind="stack", gone=True, proof="the backend lists no such stack"
            ),
        ),
        "not_tested": (UntestedScope(what="DNS", why="the drill changes no public name"),),
        **changes,
    }
    return Scenario(**fields)


def phases(at: datetime, *named: tuple[str, float]) -> tuple[Phase, ...]:
    """Return phases that follow each other."""
    following: list[Phase] = []
    offset = 0.0
    for name, seconds in named:
        started = at + timedelta(seconds=offset)
        following.append(Phase(name=name, started=started, offset_seconds=offset, seconds=seconds))
        offset += seconds
    return tuple(following)


def times(**seconds: float | None) -> dict[Milestone, Measurement]:
    """Return milestones against 15 minutes for the first query and an hour for the others."""
    named: tuple[Milestone, ...] = ("first_query", "verified", "health")
    return {
        name: Measurement(
            seconds=seconds[name],
            objective_seconds=900 if name == "first_query" else 3600,
            how=f"{name} seen",
        )
        for name in named
        if name in seconds
    }
