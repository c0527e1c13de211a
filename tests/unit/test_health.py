"""The health of a stack: what turns the verdict, what a terminal, a page and a program are shown of it."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from page_parser import Page
from sample_health import (
    DAY,
    HOUR,
    NOW,
    backup,
    crons,
    deadlines,
    drills,
    health,
    in_vault,
    issues,
    monitor,
    monitors,
    quotas,
    readiness,
    scenario,
    service,
    store,
    unknown,
)

from core.console import PrintableConsole
from core.failure import Failure
from recovery.store import StoreKind
from status import terminal
from status.assessment import assess, rough
from status.health import Answer, DeploymentHealth, DriftHealth, Health, StoreHealth, StoreInVault
from status.inquiry import Question
from status.page import render_page
from status.schema import render as render_schema

DAMAGED = in_vault(backup(problems=("users: 1,204 rows, and the manifest says 1,205",)))
YOUNG = Answer[DeploymentHealth](
    found=DeploymentHealth(resources=182, deployed_at=NOW, first_made_at=NOW - timedelta(hours=2))
)


def with_store(**vaults: Answer[StoreInVault]) -> Callable[[], Health]:
    return lambda: health(stores=(store("database", **vaults), store("files"), store("state")))


CASES: dict[str, tuple[Callable[[], Health], str, str]] = {
    "a stopped service": (
        lambda: health(services=(service(), service("files", "stopped"))),
        "wrong",
        "1 service is stopped: files",
    ),
    "an old backup": (
        with_store(primary=in_vault(backup(27))),
        "wrong",
        "the newest backup of database is 27 h old, and 26.5 h are allowed",
    ),
    "no backup": (with_store(primary=in_vault(None)), "wrong", "no backup of database"),
    "no backup of a new stack": (
        lambda: health(deployment=YOUNG, stores=(store(primary=in_vault(None)), store("files"))),
        "attention",
        "no backup of database yet (due within 24.5 h)",
    ),
    "backups that were never proven": (
        lambda: health(
            stores=tuple(
                store(name, primary=in_vault(backup(proven_at=None, proof=None)))
                for name in ("database", "files")
            )
        ),
        "wrong",
        "no proven backup of database, files",
    ),
    "no copy elsewhere": (
        with_store(elsewhere=in_vault(None)),
        "wrong",
        "no copy elsewhere of database",
    ),
    "a backup without a lock": (
        with_store(primary=in_vault(backup(locked_until=None))),
        "wrong",
        "the newest backup of database is not locked",
    ),
    "a damaged backup": (
        with_store(primary=DAMAGED),
        "wrong",
        "the newest backup of database is damaged: users: 1,204 rows, and the manifest says 1,205",
    ),
    "an old proof": (
        with_store(primary=in_vault(backup(), last_proven_at=NOW - timedelta(hours=31))),
        "wrong",
        "the last proof of database is 31 h old, and 30 h are allowed",
    ),
    "a backup that the replica lacks": (
        with_store(replica=in_vault(backup(33, id="20300114T021700Z-0000"))),
        "wrong",
        "the newest backup of database is not in the replica",
    ),
    "a backup on its way to the replica": (
        with_store(primary=in_vault(backup(0.1, id="20300115T115400Z-0000")), replica=in_vault(backup(24))),
        "ok",
        "",
    ),
    "an old copy elsewhere": (
        with_store(elsewhere=in_vault(backup(29))),
        "wrong",
        "the newest copy of database elsewhere is 29 h old, and 28 h are allowed",
    ),
    "a vault that can't be read": (
        lambda: health(stores=tuple(store(name, primary=unknown()) for name in ("database", "files"))),
        "unknown",
        "the primary vault: the vendor does not answer",
    ),
    "a failed drill": (
        lambda: health(
            drills=drills(
                scenario(
                    passed=False, fault="users: expected 3, found 2", stores=("database", "files", "state")
                )
            )
        ),
        "wrong",
        "the last drill loss failed: users: expected 3, found 2",
    ),
    "an old drill": (
        lambda: health(
            drills=drills(
                scenario(age_seconds=8 * DAY), scenario("files", ("files",)), scenario("state", ("state",))
            )
        ),
        "wrong",
        "the last drill of database is 8 d ago, and 7.2 d are allowed; in 7 d the policies refuse to deploy "
        "without a newer one",
    ),
    "a drill that is too old to deploy": (
        lambda: health(
            drills=drills(
                scenario(age_seconds=16 * DAY), scenario("files", ("files",)), scenario("state", ("state",))
            )
        ),
        "wrong",
        "the last drill of database is 16 d ago, and 7.2 d are allowed; the policies refuse to deploy "
        "without a newer one",
    ),
    "a store without a drill": (
        lambda: health(drills=drills(scenario(), scenario("files", ("files",)))),
        "wrong",
        "no drill of state",
    ),
    "a readiness report that found something": (
        lambda: health(readiness=readiness("framing", "opener-policy")),
        "wrong",
        "the last readiness report found it not ready: framing and 1 more failed",
    ),
    "an old readiness report": (
        lambda: health(readiness=readiness(age_hours=72)),
        "attention",
        "the last readiness report is 3 d old, and 2 d are allowed",
    ),
    "a readiness report that is too old to deploy": (
        lambda: health(readiness=readiness(age_hours=24 * 9)),
        "wrong",
        "the last readiness report is 9 d old, and 2 d are allowed",
    ),
    "no readiness report of an old stack": (
        lambda: health(readiness=readiness(newest=None)),
        "wrong",
        "no readiness report",
    ),
    "no readiness report of a young stack": (
        lambda: health(deployment=YOUNG, readiness=readiness(newest=None)),
        "attention",
        "no readiness report yet (due within 7.9 d)",
    ),
    "readiness reports that can't be read": (
        lambda: health(readiness=unknown()),
        "unknown",
        "the readiness reports: the vendor does not answer",
    ),
    "a down monitor": (
        lambda: health(monitors=monitors(monitor(state="down"))),
        "wrong",
        "example health is down for 3.2 min",
    ),
    "a missing heartbeat": (
        lambda: health(monitors=monitors(monitor("example file backup", "down", "heartbeat"))),
        "wrong",
        "the heartbeat of example file backup is missing for 3.2 min",
    ),
    "a monitor that somebody deleted": (
        lambda: health(monitors=monitors(monitor(state="missing"))),
        "wrong",
        "the monitor example health is declared, and UptimeRobot has none",
    ),
    "a paused monitor": (
        lambda: health(monitors=monitors(monitor(state="paused"))),
        "attention",
        "the monitor example health is paused, so that nobody is told",
    ),
    "a monitor whose address has never answered": (
        lambda: health(monitors=monitors(monitor(state="unarmed"))),
        "attention",
        "the monitor example health is not armed: https://api.example.com/health has not answered",
    ),
    "a monitor that has not answered yet": (
        lambda: health(monitors=monitors(monitor(state="waiting"))),
        "ok",
        "",
    ),
    "monitors that can't be asked": (
        lambda: health(monitors=unknown()),
        "unknown",
        "the monitors: the vendor does not answer",
    ),
    "a failed check-in": (
        lambda: health(crons=crons("failed")),
        "wrong",
        "the last check-in of example database dump failed, or was missed",
    ),
    "a muted cron monitor": (
        lambda: health(crons=crons("muted")),
        "attention",
        "the check-ins of example database dump are muted",
    ),
    "an open alert": (
        lambda: health(issues=issues("alert")),
        "wrong",
        "an alert is open: Cron failure: example database dump",
    ),
    "an error": (
        lambda: health(issues=issues("error")),
        "attention",
        "1 issue of errors open: TypeError: <b>undefined</b> is not a function",
    ),
    "a quota that fills up": (
        lambda: health(quotas=quotas(0.7)),
        "attention",
        "database has used 70 % of its compute time (1,050 h of 1,500 h); at the limit Neon suspends "
        "it until 2030-02-01",
    ),
    "a quota that is nearly used up": (
        lambda: health(quotas=quotas(stored=0.9)),
        "wrong",
        "database has used 90 % of its bytes stored (45 GB of 50 GB); at the limit Neon suspends it",
    ),
    "quotas that can't be asked": (
        lambda: health(quotas=unknown()),
        "unknown",
        "what is used of the quotas: the vendor does not answer",
    ),
    "drift": (
        lambda: health(drift=DriftHealth(looked_at=NOW, passes=False, differences=2, unknown=0)),
        "wrong",
        "2 differences from what is declared, as of 0 s ago",
    ),
    "drift that nobody looked at": (lambda: health(drift=None), "ok", ""),
    "a waiver that ends soon": (
        lambda: health(deadlines=deadlines(3)),
        "attention",
        "the waiver for vault-is-locked for vault-primary ends on 2030-01-18",
    ),
    "a waiver that has ended": (
        lambda: health(deadlines=deadlines(-1)),
        "wrong",
        "the waiver for vault-is-locked for vault-primary ended on 2030-01-14",
    ),
    "a waiver that ends later": (lambda: health(deadlines=deadlines(40)), "ok", ""),
    "a stack that was never deployed": (
        lambda: health(
            deployment=Answer[DeploymentHealth](found=DeploymentHealth(resources=0)), monitors=unknown()
        ),
        "wrong",
        "prod is not deployed",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_thing_turns_the_verdict_as_it_should(name: str) -> None:
    make, level, what = CASES[name]
    assessment = assess(make())
    assert assessment.level == level
    assert [one.what for one in assessment.findings if one.level == level] == ([what] if what else [])
    assert assessment.exit_code == {"ok": 0, "attention": 0, "unknown": 3, "wrong": 1}[level]
    assert bool(assessment.next_step) is bool(assessment.findings)


def test_the_worst_finding_gives_verdict_and_next_step() -> None:
    assessment = assess(
        health(
            monitors=unknown(),
            issues=issues("error"),
            services=(service("aws", "stopped"),),
            option="--stack prod --twin",
        )
    )
    assert assessment.verdict == "prod is not well: 1 thing is wrong, 1 is unknown, 1 thing needs attention."
    assert assessment.next_step == "./bulwark up --stack prod --twin"


def show(found: Health, *, width: int = 80, height: int = 24, is_terminal: bool = True) -> list[str]:
    out = io.StringIO()
    console = PrintableConsole(
        file=out, width=width, height=height, force_terminal=is_terminal, color_system=None
    )
    places = {"data": "/var/lib/bulwark/checkout-12345678", "page": "http://127.0.0.1:20001/health/local"}
    terminal.show(found, assess(found), console, places=places)
    return out.getvalue().splitlines()


def all_wrong() -> Health:
    def broken(name: StoreKind) -> StoreHealth:
        return store(name, primary=in_vault(backup(60)), elsewhere=unknown())

    return health(
        stores=(broken("database"), broken("files"), broken("state")),
        drills=drills(scenario(passed=False, fault="x" * 200)),
        monitors=monitors(monitor(state="down"), monitor("b", "down")),
        issues=issues("alert", "error"),
        services=tuple(service(name, "stopped") for name in ("aws", "vendors", "files")),
    )


@pytest.mark.parametrize("make", [health, all_wrong], ids=["well", "all wrong"])
def test_the_view_fits_a_terminal_of_80x24_and_the_verdict_is_last(make: Callable[[], Health]) -> None:
    found = make()
    lines, assessment = show(found), assess(found)
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    assert assessment.verdict in lines[-2:]
    if assessment.findings:
        assert lines[-1] == f"  Next: {assessment.next_step}"


def test_into_a_file_every_finding_is_shown() -> None:
    found = all_wrong()
    text = "\n".join(show(found, width=400, is_terminal=False))
    assert all(one.what in text for one in assess(found).findings)


def test_nothing_that_was_not_asked_is_called_never() -> None:
    blind = health(
        deployment=unknown(),
        stores=tuple(
            store(name, primary=unknown(), replica=unknown(), elsewhere=unknown())
            for name in ("database", "files", "state")
        ),
        drills=unknown(),
        monitors=unknown(),
        crons=unknown(),
        issues=unknown(),
        quotas=unknown(),
        deadlines=unknown(),
        drift=None,
    )
    text = "\n".join(show(blind))
    assert "never" not in text
    assert "none" not in text
    assert assess(blind).exit_code == 3


def test_the_schema_is_that_of_the_document() -> None:
    assert (Path(__file__).parents[2] / "docs" / "status.schema.json").read_text() == render_schema(), (
        "python -m status.schema > docs/status.schema.json"
    )


def test_the_json_document_reads_back_as_the_same_health() -> None:
    found = all_wrong()
    document = json.loads(terminal.to_json(found, assess(found)))
    assert document["level"] == "wrong"
    assert document["findings"][0]["level"] == "wrong"
    added = {"level", "verdict", "findings", "next_step"}
    rest = {name: value for name, value in document.items() if name not in added}
    assert Health.model_validate_json(json.dumps(rest)) == found


@pytest.mark.parametrize("make", [health, all_wrong], ids=["well", "all wrong"])
def test_the_page_shows_everything_and_loads_nothing(make: Callable[[], Health]) -> None:
    found = make()
    source = render_page(found, assess(found))
    page = Page(source)
    assert assess(found).verdict in page.text
    assert all(finding.what in page.text for finding in assess(found).findings)
    assert {"script", "link", "img", "iframe"} & page.tags == set()
    assert not [value for name, value in page.attributes if name in {"src", "href"}]
    assert "url(" not in source
    assert "prefers-color-scheme: dark" in source
    assert "@media print" in source


def test_the_page_of_a_watch_loads_itself_again() -> None:
    found = health()
    assert ("http-equiv", "refresh") in Page(render_page(found, assess(found), refresh_seconds=60)).attributes
    assert ("http-equiv", "refresh") not in Page(render_page(found, assess(found))).attributes


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (90, "1.5 min"), (HOUR, "1 h"), (26.5 * HOUR, "26.5 h"), (2 * DAY, "2 d")],
)
def test_a_duration_has_one_unit(seconds: float, text: str) -> None:
    assert rough(seconds) == text


def test_who_does_not_answer_is_unknown_and_delays_nobody() -> None:
    release = Event()
    try:
        late = Question("the vendor", release.wait, limit_seconds=0.05)
        quick = Question("another", lambda: 42, limit_seconds=5)
        assert quick.answer(Answer[int]) == Answer[int](found=42)
        answer = late.answer(Answer[bool])
        assert answer.found is None
        assert answer.unknown == "There was no answer from the vendor within 0.05 s."
        assert late.is_late
        assert not quick.is_late
    finally:
        release.set()


def test_a_failure_is_an_answer_with_reason_and_next_step() -> None:
    def fail() -> int:
        raise Failure("The key is missing.", "set it.", "detail")

    answer = Question("the vendor", fail, limit_seconds=5).answer(Answer[int])
    assert (answer.unknown, answer.next_step) == ("The key is missing.", "set it.")
