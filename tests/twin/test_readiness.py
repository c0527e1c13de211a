"""Every fault of the sample platform turns exactly its check red, and without one all are green."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any, Final, LiteralString

import pytest
from sample_faults import CHECK_OF
from sample_patient import OF_HEALTH, Patient, make_patient, serve

from readiness.checks import CHECKS
from readiness.checks.database import CHECKS as IN_THE_DATABASE
from readiness.checks.health import health_turns_red
from readiness.results import CheckResult
from twin.sample_app.faults import describe_faults

pytestmark = pytest.mark.shares("readiness")


@pytest.fixture(scope="module")
def patient() -> Generator[Patient]:
    with make_patient() as patient, serve(patient.home):
        yield patient


IN_DATABASE: Final[dict[str, tuple[str, LiteralString, LiteralString]]] = {
    "a superuser": (
        "application-has-few-rights",
        "ALTER ROLE platform_app SUPERUSER",
        "ALTER ROLE platform_app NOSUPERUSER",
    ),
    "it makes roles": (
        "application-has-few-rights",
        "ALTER ROLE platform_app CREATEROLE",
        "ALTER ROLE platform_app NOCREATEROLE",
    ),
    "it bypasses row-level security": (
        "application-has-few-rights",
        "ALTER ROLE platform_app BYPASSRLS",
        "ALTER ROLE platform_app NOBYPASSRLS",
    ),
    "it is a member of a strong role": (
        "application-has-few-rights",
        "CREATE ROLE strong CREATEDB ROLE platform_app",
        "DROP ROLE strong",
    ),
    "it is a role of Neon's API": (
        "application-has-few-rights",
        "CREATE ROLE neon_superuser CREATEDB CREATEROLE REPLICATION BYPASSRLS ROLE platform_app",
        "DROP ROLE neon_superuser",
    ),
    "it owns a table": (
        "application-has-few-rights",
        "ALTER TABLE jobs OWNER TO platform_app",
        "ALTER TABLE jobs OWNER TO CURRENT_USER",
    ),
    "it makes tables": (
        "application-has-few-rights",
        "GRANT CREATE ON SCHEMA public TO platform_app",
        "REVOKE CREATE ON SCHEMA public FROM platform_app",
    ),
    "it empties tables": (
        "application-has-few-rights",
        "GRANT TRUNCATE ON jobs TO platform_app",
        "REVOKE TRUNCATE ON jobs FROM platform_app",
    ),
    "its connections are used up": (
        "connections-are-left",
        "ALTER ROLE platform_app CONNECTION LIMIT 0",
        "ALTER ROLE platform_app CONNECTION LIMIT -1",
    ),
    "a migration is missing": (
        "data-are-as-declared",
        "UPDATE schema_migrations SET version = 28",
        "UPDATE schema_migrations SET version = 29",
    ),
    "a statement is slow": (
        "statements-are-fast",
        "INSERT INTO pg_stat_statements SELECT 'platform_app'::regrole, oid, 7, 25, 120 FROM pg_database"
        " WHERE datname = current_database()",
        "DELETE FROM pg_stat_statements",
    ),
}
"""What is wrong -> the check that turns red, and the statements that break and mend it."""


def find_red(results: dict[str, CheckResult]) -> dict[str, Any]:
    return {name: one.problems for name, one in results.items() if one.outcome == "failed"}


def test_a_platform_without_a_fault_is_all_green(patient: Patient) -> None:
    results = patient.look()
    unseen = {name: one.reason for name, one in results.items() if one.outcome == "not_looked_at"}
    assert (find_red(results), unseen) == ({}, {})
    assert all(one.measured for one in results.values())


def test_production_is_only_looked_at(patient: Patient, capfd: pytest.CaptureFixture[str]) -> None:
    platform = patient.settings.platform.model_copy(update={"environment": "production"})
    production = replace(patient, settings=patient.settings.model_copy(update={"platform": platform}))
    capfd.readouterr()
    results = production.look()
    methods = {line.split()[1] for line in capfd.readouterr().err.splitlines() if " /" in line}
    assert find_red(results) == {}
    for check in CHECKS:
        if check.is_active and check not in OF_HEALTH:
            assert (results[check.id].outcome, results[check.id].is_expected) == ("not_looked_at", True)
    assert methods == {"GET"}


def test_every_fault_has_a_check_and_every_check_that_looks_at_the_sample_a_fault() -> None:
    assert CHECK_OF.keys() == describe_faults().keys()
    assert len(CHECK_OF) >= 60
    tried = {*CHECK_OF.values(), *(check for check, _, _ in IN_DATABASE.values())}
    assert {check.id for check in CHECKS if check not in OF_HEALTH} == tried


@pytest.mark.matrix(sample=1, per=lambda fault: CHECK_OF[fault])
@pytest.mark.parametrize("fault", CHECK_OF)
def test_a_fault_turns_exactly_its_check_red(
    patient: Patient, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_turns_red, "LONGEST_SECONDS", 1.5)
    expected = CHECK_OF[fault]
    results = patient.look(fault, expected=expected, active=False)
    if expected not in results:
        results |= patient.look(fault, expected=expected, only={expected})
    assert set(find_red(results)) == {expected}, find_red(results)


@pytest.mark.parametrize("wrong", IN_DATABASE)
def test_what_is_wrong_in_the_database_turns_exactly_its_check_red(patient: Patient, wrong: str) -> None:
    check, break_it, mend_it = IN_DATABASE[wrong]
    only = {one.id for one in IN_THE_DATABASE}
    with patient.database.connect("platform") as connection:
        connection.execute(break_it)
        red = find_red(patient.look(expected=check, only=only))
        connection.execute(mend_it)
        mended = find_red(patient.look(only=only))
    assert (set(red), mended) == ({check}, {}), red
