"""Assesses a stack's health: what is wrong, what is unknown, what needs attention, and what to type."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from status.deadlines import ends_soon
from status.health import (
    Answer,
    BackupHealth,
    Health,
    HealthModel,
    QuotaHealth,
    ReportHealth,
    ScenarioHealth,
    StoreHealth,
    StoreInVault,
    VaultTitle,
)

Level = Literal["ok", "attention", "unknown", "wrong"]
LEVELS: Final[tuple[Level, ...]] = ("ok", "attention", "unknown", "wrong")
"""From best to worst. The verdict is the worst of the findings."""

EXIT_CODES: Final[dict[Level, int]] = {"ok": 0, "attention": 0, "unknown": 3, "wrong": 1}

_REPLICATION_SECONDS: Final = 15 * 60
"""S3 promises to replicate within it (AWS, "S3 Replication Time Control")."""


class HealthFinding(HealthModel):
    """Something that a person has to know."""

    level: Literal["attention", "unknown", "wrong"]
    what: str
    """A clause that names the thing first, such as `the newest backup of files is 2 d old`."""

    next_step: str


@dataclass(frozen=True)
class Assessment:
    """The verdict on a stack's health, and the findings that it follows from, the worst first."""

    findings: tuple[HealthFinding, ...]
    verdict: str
    """One sentence."""

    @property
    def level(self) -> Level:
        return self.findings[0].level if self.findings else "ok"

    @property
    def next_step(self) -> str:
        """What to type about the worst finding; empty if there is none."""
        return self.findings[0].next_step if self.findings else ""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.level]


def assess(health: Health) -> Assessment:
    """Return the assessment of what was found."""
    findings = sorted(_list_findings(health), key=lambda finding: -LEVELS.index(finding.level))
    return Assessment(tuple(findings), _verdict(health, findings))


def _verdict(health: Health, findings: list[HealthFinding]) -> str:
    if not findings:
        return f"{health.stack} is well: everything was looked at, and nothing is wrong."
    counts = {level: sum(one.level == level for one in findings) for level in LEVELS}
    parts = [
        _count(counts["wrong"], "thing is wrong", "things are wrong"),
        _count(counts["unknown"], "is unknown", "are unknown"),
        _count(counts["attention"], "thing needs attention", "things need attention"),
    ]
    state = {
        "wrong": f"{health.stack} is not well",
        "unknown": f"Nobody knows whether {health.stack} is well",
        "attention": f"{health.stack} is well",
    }[findings[0].level]
    return f"{state}: {', '.join(filter(None, parts))}."


def _count(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}" if count else ""


def _list_findings(health: Health) -> Iterator[HealthFinding]:
    yield from _assess_deployment(health)
    if health.deployment.found and not health.deployment.found.resources:
        return
    yield from _assess_services(health)
    for assess_subject in SUBJECTS.values():
        yield from assess_subject(health)


def _unknown(what: str, answer: Answer[Any]) -> HealthFinding:
    return HealthFinding(
        level="unknown",
        what=f"{what}: {answer.unknown.rstrip('.')}",
        next_step=answer.next_step or "run this again.",
    )


def _assess_deployment(health: Health) -> Iterator[HealthFinding]:
    deployment = health.deployment.found
    if deployment is None:
        yield _unknown("the stack's state", health.deployment)
    elif not deployment.resources:
        yield HealthFinding(
            level="wrong",
            what=f"{health.stack} is not deployed",
            next_step=f"./bulwark up {health.option}",
        )


def _assess_services(health: Health) -> Iterator[HealthFinding]:
    by_state: dict[str, list[str]] = {}
    for service in health.services:
        if service.state != "running":
            by_state.setdefault(service.state, []).append(service.name)
    for state, names in by_state.items():
        yield HealthFinding(
            level="wrong",
            what=f"{_count(len(names), 'service is', 'services are')} {state}: {', '.join(names)}",
            next_step=f"./bulwark up {health.option}",
        )


_VAULTS: Final[dict[VaultTitle, str]] = {
    "primary": "the primary vault",
    "replica": "the replica",
    "elsewhere": "the vault elsewhere",
}


def _assess_backups(health: Health) -> Iterator[HealthFinding]:
    if not health.stores:
        yield HealthFinding(
            level="attention",
            what="the stack declares no vaults, so that nothing is backed up",
            next_step=f"add `backups` to Pulumi.{health.stack}.yaml; Pulumi.prod.yaml shows one",
        )
    yield from _assess_unread(health, "primary")
    for store in health.stores:
        if found := store.vaults["primary"].found:
            yield from _assess_primary(health, store, found)
    lacking = [
        store for store in health.stores if (found := store.vaults["primary"].found) and not found.newest
    ]
    longest = min((store.longest_age_seconds["primary"] for store in health.stores), default=0)
    yield from _lacking(health, "backup of", lacking, longest, f"backup {_name_of(lacking)}")


def _assess_unread(health: Health, title: VaultTitle) -> Iterator[HealthFinding]:
    """Yield what keeps a vault from being read: one thing, whatever is in it."""
    answer = health.stores[0].vaults.get(title) if health.stores else None
    if answer and answer.found is None:
        yield _unknown(_VAULTS[title], answer)


def _assess_proofs(health: Health) -> Iterator[HealthFinding]:
    unproven: list[StoreHealth] = []
    for store in health.stores:
        found = store.vaults["primary"].found
        newest = found.newest if found else None
        if not found or not newest:
            continue
        if not found.last_proven_at:
            unproven.append(store)
            continue
        age = newest.stored_at.timestamp() + newest.age_seconds - found.last_proven_at.timestamp()
        if age > store.longest_proof_age_seconds:
            yield HealthFinding(
                level="wrong",
                what=f"the last proof of {store.name} is {rough(age)} old, "
                f"and {rough(store.longest_proof_age_seconds)} are allowed",
                next_step=f"./bulwark verify --deep --store {store.name} {health.option}",
            )
    longest = min((store.longest_proof_age_seconds for store in health.stores), default=0)
    yield from _lacking(health, "proven backup of", unproven, longest, "verify --deep")


def _assess_copies(health: Health) -> Iterator[HealthFinding]:
    for title in ("replica", "elsewhere"):
        yield from _assess_unread(health, title)
    uncopied: list[StoreHealth] = []
    for store in health.stores:
        if replica := store.vaults["replica"].found:
            yield from _assess_replica(health, store, replica)
        if (answer := store.vaults.get("elsewhere")) and answer.found:
            yield from _assess_copy(health, store, answer.found)
            if not answer.found.newest:
                uncopied.append(store)
    longest = min((store.longest_age_seconds.get("elsewhere", 0) for store in health.stores), default=0)
    yield from _lacking(health, "copy elsewhere of", uncopied, longest, "copy")


def _assess_primary(health: Health, store: StoreHealth, found: StoreInVault) -> Iterator[HealthFinding]:
    again = f"./bulwark backup {store.name} {health.option}"
    newest = found.newest
    if not newest:
        return  # told for all stores at once
    yield from _assess_age(f"the newest backup of {store.name}", newest, store, "primary", again)
    if not newest.locked_until:
        yield HealthFinding(
            level="wrong",
            what=f"the newest backup of {store.name} is not locked",
            next_step=f"./bulwark audit --live {health.option}",
        )
    if newest.problems:
        yield HealthFinding(
            level="wrong",
            what=f"the newest backup of {store.name} is damaged: {newest.problems[0]}",
            next_step=again,
        )


def _assess_age(
    what: str,
    newest: BackupHealth,
    store: StoreHealth,
    vault: Literal["primary", "replica", "elsewhere"],
    step: str,
) -> Iterator[HealthFinding]:
    longest = store.longest_age_seconds[vault]
    if newest.age_seconds > longest:
        yield HealthFinding(
            level="wrong",
            what=f"{what} is {rough(newest.age_seconds)} old, and {rough(longest)} are allowed",
            next_step=step,
        )


def _assess_replica(health: Health, store: StoreHealth, found: StoreInVault) -> Iterator[HealthFinding]:
    primary = store.vaults["primary"].found
    original = primary.newest if primary else None
    step = f"./bulwark verify --vault replica {health.option}"
    if original and original.id not in found.ids and original.age_seconds > _REPLICATION_SECONDS:
        yield HealthFinding(
            level="wrong",
            what=f"the newest backup of {store.name} is not in the replica",
            next_step=step,
        )
    if found.newest:
        if not original:
            yield from _assess_age(
                f"the newest backup of {store.name} in the replica", found.newest, store, "replica", step
            )
        if not found.newest.locked_until:
            yield HealthFinding(
                level="wrong",
                what=f"the newest backup of {store.name} in the replica is not locked",
                next_step=f"./bulwark audit --live {health.option}",
            )


def _assess_copy(health: Health, store: StoreHealth, found: StoreInVault) -> Iterator[HealthFinding]:
    again = f"./bulwark copy {health.option}"
    if not found.newest:
        return  # told for all stores at once
    yield from _assess_age(
        f"the newest copy of {store.name} elsewhere", found.newest, store, "elsewhere", again
    )
    if not found.newest.locked_until:
        yield HealthFinding(
            level="wrong", what=f"the newest copy of {store.name} elsewhere is not locked", next_step=again
        )


_DRILLS: Final = {"database": "loss", "files": "files", "state": "state"}
"""Kind of a store -> scenario that recovers it from a vault."""


def _assess_missing_drills(health: Health) -> Iterator[HealthFinding]:
    if drills := health.drills.found:
        undrilled = [store for store in health.stores if not newest_drill(health, store)]
        command = _drill(health, undrilled[0]) if len(undrilled) == 1 else "drill all"
        yield from _lacking(health, "drill of", undrilled, drills.longest_age_seconds, command)


def _drill(health: Health, store: StoreHealth) -> str:
    """Return the command that drills a store, with its name where there are several of its kind."""
    several = sum(one.kind == store.kind for one in health.stores) > 1
    return f"drill {_DRILLS[store.kind]}{f' --store {store.name}' if several else ''}"


def _name_of(stores: Sequence[StoreHealth]) -> str:
    return stores[0].name if len(stores) == 1 else "all"


def _lacking(
    health: Health, what: str, stores: Sequence[StoreHealth], allowed_seconds: float, command: str
) -> Iterator[HealthFinding]:
    """Yield what these stores do not have; wrong from `allowed_seconds` after the first deployment."""
    if not stores:
        return
    deployment = health.deployment.found
    begun = deployment.first_made_at if deployment else None
    left = begun + timedelta(seconds=allowed_seconds) - health.looked_at if begun else timedelta()
    is_due = left <= timedelta()
    names = ", ".join(store.name for store in stores)
    due = "" if is_due else f" yet (due within {rough(left.total_seconds())})"
    yield HealthFinding(
        level="wrong" if is_due else "attention",
        what=f"no {what} {names}{due}",
        next_step=f"./bulwark {command} {health.option}",
    )


def _assess_drills(health: Health) -> Iterator[HealthFinding]:
    yield from _assess_missing_drills(health)
    drills = health.drills.found
    if drills is None:
        return  # the primary vault can't be read, which is told already
    for scenario in drills.scenarios:
        if not scenario.passed:
            name, fault = _describe(health, scenario), scenario.fault or "see its report"
            yield HealthFinding(
                level="wrong",
                what=f"the last drill {name} failed: {fault}",
                next_step=f"./bulwark drills {health.option} --drill {scenario.drill} --html report.html",
            )
    for store in health.stores:
        drill = f"./bulwark {_drill(health, store)} {health.option}"
        newest = newest_drill(health, store)
        if newest and newest.age_seconds > drills.longest_age_seconds:
            left = drills.deployable_seconds - newest.age_seconds
            refused = f"in {rough(left)} the policies refuse" if left > 0 else "the policies refuse"
            yield HealthFinding(
                level="wrong",
                what=f"the last drill of {store.name} is {rough(newest.age_seconds)} ago, "
                f"and {rough(drills.longest_age_seconds)} are allowed; {refused} to deploy without a "
                "newer one",
                next_step=drill,
            )


def _assess_readiness(health: Health) -> Iterator[HealthFinding]:
    readiness, again = health.readiness.found, f"./bulwark ready {health.option}"
    if not health.stores:
        return  # no vault keeps reports
    if readiness is None:
        if health.stores[0].vaults["primary"].found is not None:  # else the vault is told already
            yield _unknown("the readiness reports", health.readiness)
    elif not readiness.newest:
        yield from _assess_missing_report(health, readiness.deployable_seconds, again)
    else:
        yield from _assess_report(readiness.newest, again)
        age = readiness.newest.age_seconds
        if age > readiness.longest_age_seconds:
            is_due = age > readiness.deployable_seconds
            yield HealthFinding(
                level="wrong" if is_due else "attention",
                what=f"the last readiness report is {rough(age)} old, "
                f"and {rough(readiness.longest_age_seconds)} are allowed",
                next_step=again,
            )


def _assess_missing_report(health: Health, allowed_seconds: float, again: str) -> Iterator[HealthFinding]:
    deployment = health.deployment.found
    begun = deployment.first_made_at if deployment else None
    left = begun + timedelta(seconds=allowed_seconds) - health.looked_at if begun else timedelta()
    is_due = left <= timedelta()
    due = "" if is_due else f" yet (due within {rough(left.total_seconds())})"
    yield HealthFinding(
        level="wrong" if is_due else "attention", what=f"no readiness report{due}", next_step=again
    )


def _assess_report(report: ReportHealth, again: str) -> Iterator[HealthFinding]:
    if report.verdict == "not_ready":
        first, *others = report.failed or ("a check",)
        more = f" and {len(others)} more" if others else ""
        yield HealthFinding(
            level="wrong",
            what=f"the last readiness report found it not ready: {first}{more} failed",
            next_step=again,
        )
    elif report.verdict == "unknown":
        yield HealthFinding(
            level="attention", what="the last readiness report could not look at everything", next_step=again
        )


def _describe(health: Health, scenario: ScenarioHealth) -> str:
    """Return a scenario with the name of its store, where there are several drills of it."""
    drills = health.drills.found.scenarios if health.drills.found else ()
    several = sum(one.scenario == scenario.scenario for one in drills) > 1
    return f"{scenario.scenario} of {', '.join(scenario.stores)}" if several else scenario.scenario


def newest_drill(health: Health, store: StoreHealth) -> ScenarioHealth | None:
    """Return the newest scenario that recovered a store; the scenarios are ordered, the newest first."""
    scenarios = health.drills.found.scenarios if health.drills.found else ()
    recovering = (one for one in scenarios if one.scenario not in {"credentials", "service"})
    return next((one for one in recovering if store.name in one.stores), None)


def _assess_monitors(health: Health) -> Iterator[HealthFinding]:
    if health.monitors.found is None:
        yield _unknown("the monitors", health.monitors)
    elif not health.monitors.found:
        yield HealthFinding(
            level="attention",
            what="the stack declares no monitors, so that nobody looks from outside",
            next_step=f"add `uptime` and the services' checks to Pulumi.{health.stack}.yaml",
        )
    for monitor in health.monitors.found or ():
        since = f" for {rough(monitor.state_seconds)}" if monitor.state_seconds else ""
        match monitor.state:
            case "down" if monitor.kind == "heartbeat":
                what = f"the heartbeat of {monitor.name} is missing{since}"
                yield HealthFinding(level="wrong", what=what, next_step="see the last runs of its job.")
            case "down":
                what = f"{monitor.name} is down{since}"
                step = f"look at {monitor.address}; docs/runbooks/sev1.md says what to do."
                yield HealthFinding(level="wrong", what=what, next_step=step)
            case "missing":
                what = f"the monitor {monitor.name} is declared, and UptimeRobot has none"
                yield HealthFinding(level="wrong", what=what, next_step=f"./bulwark refresh {health.option}")
            case "paused":
                what = f"the monitor {monitor.name} is paused, so that nobody is told"
                yield HealthFinding(level="attention", what=what, next_step=f"./bulwark up {health.option}")
            case "unarmed":
                silent = monitor.address or "the platform"
                what = f"the monitor {monitor.name} is not armed: {silent} has not answered"
                step = f"deploy the platform; then ./bulwark up {health.option}"
                yield HealthFinding(level="attention", what=what, next_step=step)
            case "waiting" | "up":
                pass


def _assess_crons(health: Health) -> Iterator[HealthFinding]:
    if health.crons.found is None:
        yield _unknown("the check-ins of the jobs", health.crons)
    for cron in health.crons.found or ():
        if cron.state == "failed":
            what = f"the last check-in of {cron.name} failed, or was missed"
            yield HealthFinding(level="wrong", what=what, next_step="see the last runs of its job.")
        elif cron.state == "missing":
            what = f"the check-ins of {cron.name} are declared, and Sentry has no monitor"
            yield HealthFinding(level="wrong", what=what, next_step=f"./bulwark refresh {health.option}")
        elif cron.state == "muted":
            what = f"the check-ins of {cron.name} are muted"
            yield HealthFinding(level="attention", what=what, next_step="unmute the monitor at Sentry.")


def _assess_issues(health: Health) -> Iterator[HealthFinding]:
    if health.issues.found is None:
        yield _unknown("the open issues", health.issues)
    alerts = [one for one in health.issues.found or () if one.kind == "alert"]
    errors = [one for one in health.issues.found or () if one.kind == "error"]
    for alert in alerts:
        where = alert.address or "Sentry"
        yield HealthFinding(level="wrong", what=f"an alert is open: {alert.title}", next_step=f"see {where}.")
    if errors:
        title = errors[0].title if len(errors) == 1 else f"the newest is {errors[0].title}"
        what = f"{len(errors)} {'issue' if len(errors) == 1 else 'issues'} of errors open: {title}"
        yield HealthFinding(level="attention", what=what, next_step=f"see {errors[0].address or 'Sentry'}.")


QUOTA_ATTENTION: Final = 0.7
QUOTA_WRONG: Final = 0.9
"""The part of a quota from which somebody has to do something."""


def _assess_quotas(health: Health) -> Iterator[HealthFinding]:
    if health.quotas.found is None:
        yield _unknown("what is used of the quotas", health.quotas)
    for quota in health.quotas.found or ():
        if quota.share < QUOTA_ATTENTION:
            continue
        end = f" until {quota.renews_at:%Y-%m-%d}" if quota.renews_at else ""
        what = f"{quota.database} has used {describe_quota(quota)}"
        yield HealthFinding(
            level="attention" if quota.share < QUOTA_WRONG else "wrong",
            what=f"{what}; at the limit Neon suspends it{end}",
            next_step=f"raise its `quota` in Pulumi.{health.stack}.yaml; then ./bulwark up {health.option}",
        )


def describe_quota(quota: QuotaHealth) -> str:
    """Return what is used of a quota, such as `72 % of its compute time (360 h of 500 h)`."""
    size, unit = (3_600, "h") if quota.unit == "seconds" else (10**9, "GB")
    used, limit = (f"{amount / size:,.1f}".removesuffix(".0") for amount in (quota.used, quota.limit))
    title = quota.quantity if quota.unit == "seconds" else f"bytes {quota.quantity}"
    return f"{quota.share * 100:.0f} % of its {title} ({used} {unit} of {limit} {unit})"


def _assess_drift(health: Health) -> Iterator[HealthFinding]:
    drift = health.drift
    if drift and not drift.passes:
        counts = (_count(drift.differences, "difference", "differences"), f"{drift.unknown} not looked at")
        differences = counts[0] or counts[1]
        age = (health.looked_at - drift.looked_at).total_seconds()
        yield HealthFinding(
            level="wrong" if drift.differences else "attention",
            what=f"{differences} from what is declared, as of {rough(age)} ago",
            next_step=f"./bulwark audit --live {health.option}",
        )


def _assess_deadlines(health: Health) -> Iterator[HealthFinding]:
    if health.deadlines.found is None:
        yield _unknown("the waivers", health.deadlines)
    today = health.looked_at.date()
    for deadline in health.deadlines.found or ():
        if ends_soon(deadline, today):
            ended = deadline.ends_on < today
            yield HealthFinding(
                level="wrong" if ended else "attention",
                what=f"the {'waiver' if deadline.kind == 'waiver' else 'entry'} for {deadline.what} "
                f"{'ended' if ended else 'ends'} on {deadline.ends_on}",
                next_step="correct what it excuses, or renew it by a pull request.",
            )


HealthSubject = Literal[
    "backups",
    "proofs",
    "copies",
    "drills",
    "readiness",
    "monitors",
    "check-ins",
    "issues",
    "quotas",
    "drift",
    "exceptions",
]
SUBJECTS: Final[Mapping[HealthSubject, Callable[[Health], Iterator[HealthFinding]]]] = {
    "backups": _assess_backups,
    "proofs": _assess_proofs,
    "copies": _assess_copies,
    "drills": _assess_drills,
    "readiness": _assess_readiness,
    "monitors": _assess_monitors,
    "check-ins": _assess_crons,
    "issues": _assess_issues,
    "quotas": _assess_quotas,
    "drift": _assess_drift,
    "exceptions": _assess_deadlines,
}
"""What of a deployed stack is assessed by itself -> its findings."""

_UNITS: Final = (("d", 86_400, 48 * 3_600), ("h", 3_600, 3_600), ("min", 60, 60))
"""Unit, its length, and from where it is used, each in seconds."""


def rough(seconds: float) -> str:
    """Return a duration in one unit, with a tenth of a few, such as `26.5 h`, `3 d`, `16 min` or `40 s`."""
    for unit, size, least in _UNITS:
        if seconds >= least:
            digits = 0 if unit == "min" and seconds >= 10 * size else 1
            return f"{seconds / size:.{digits}f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s"
