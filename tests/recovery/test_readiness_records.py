"""Readiness reports in a vault: kept once, and believed only where they are whole and the planner's."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attesting import SIGN, TRUST
from readiness_reports import NOW, outcomes, report, result
from test_recovery_attestation import DRILL_JOB, Issuer
from vaults import ProxiedVault, overwrite_object

from core import vault_layout
from readiness import records
from readiness.results import Readiness
from recovery.attestation import IssueToken, Trust, group_subjects
from recovery.vault.client import Exists

PLAN_JOB = "repo:example@1/platform@2:environment:plan"
PAST = NOW.replace(year=2020)
READY, NOT_READY = outcomes(PAST, one="passed"), outcomes(PAST + timedelta(days=1), one="failed")


def keep(vault: ProxiedVault, found: Readiness, issue_token: IssueToken | None = SIGN) -> None:
    records.store(vault.client, found, issue_token)


def read(vault: ProxiedVault, trust: Trust = TRUST) -> list[records.ReportRecord]:
    return list(records.read_records(vault.client, trust))


def test_a_report_is_kept_once_locked_and_found_again_newest_first(locked_vault: ProxiedVault) -> None:
    stored = records.store(locked_vault.client, READY, SIGN)
    keep(locked_vault, NOT_READY)
    assert stored.key == "evidence/readiness/20200115T053700Z-3f9a.json"
    assert stored.locked_until is not None
    assert [one.readiness for one in read(locked_vault)] == [NOT_READY, READY]
    assert all(one.counts for one in read(locked_vault))
    with pytest.raises(Exists):
        keep(locked_vault, outcomes(PAST, one="failed"))


def test_only_the_planner_attests_a_report(locked_vault: ProxiedVault) -> None:
    issuer = Issuer()
    subjects = group_subjects(backup="b", restore="r", drills=[DRILL_JOB], plan=PLAN_JOB)
    trust = Trust("s", issuer=issuer.trust().issuer, subjects=subjects, fetch_issuer_keys=issuer.publish)
    signers = {
        None: None,
        "b": issuer.signer("b"),
        "r": issuer.signer("r"),
        DRILL_JOB: issuer.signer(DRILL_JOB),
    }
    for number, signer in enumerate(signers.values()):
        keep(locked_vault, outcomes(PAST + timedelta(hours=number), one="passed"), signer)
    assert [one.counts for one in read(locked_vault, trust)] == [False] * len(signers)
    assert records.find_passed(locked_vault.client, trust, "twin") is None
    keep(locked_vault, NOT_READY, issuer.signer(PLAN_JOB))
    assert read(locked_vault, trust)[0].counts


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda found: found.update(verdict="ready"), "a verdict that its own checks don't show"),
        (lambda found: found.update(score=100), "a score that its own checks don't show"),
        (lambda found: found["areas"][0].update(score=100), "a score that its own checks don't show"),
        (lambda found: found["checks"].clear(), "a verdict that its own checks don't show"),
        (lambda found: found.update(more=1), "more: Extra inputs are not permitted"),
        (lambda found: found.pop("checks"), "checks: Field required"),
        (lambda found: found.update(seconds="1"), "seconds: Input should be a valid number"),
        (lambda found: found.update(id="20200115T053700Z-0000"), "tells of another report"),
    ],
)
def test_an_edited_report_is_reported_and_not_believed(
    locked_vault: ProxiedVault, change: Callable[[Any], Any], what: str
) -> None:
    found = json.loads(records.to_json(NOT_READY))
    change(found)
    locked_vault.client.put(vault_layout.readiness(NOT_READY.id), json.dumps(found).encode())
    [record] = read(locked_vault)
    assert record.readiness is None
    assert what in record.unreadable


def test_a_report_that_was_written_over_is_not_believed(locked_vault: ProxiedVault) -> None:
    keep(locked_vault, NOT_READY)
    overwrite_object(locked_vault, vault_layout.readiness(NOT_READY.id), records.to_json(READY))
    [record] = read(locked_vault)
    assert record.unreadable == "has 2 versions; evidence is written once"


def test_a_part_and_a_report_of_the_future_do_not_count(locked_vault: ProxiedVault) -> None:
    """The vault's clock is that of this machine: NOW is yet to come."""
    keep(locked_vault, report([result("one")], PAST, is_whole=False))
    keep(locked_vault, outcomes(NOW, one="passed"))
    assert [one.doubt for one in read(locked_vault)] == [
        "says that it ended after the vault took it",
        "is of some checks alone",
    ]


def test_the_last_time_that_a_stack_was_ready_is_that_of_its_own_reports(locked_vault: ProxiedVault) -> None:
    for days, found in enumerate(
        (
            report([result("one")], PAST, stack="test"),
            report([result("one", "failed")], PAST + timedelta(days=1), stack="test"),
            report([result("one")], PAST + timedelta(days=2), stack="other"),
            report([result("one")], PAST + timedelta(days=3), stack="test", place="vendors"),
        )
    ):
        assert found.looked_at == PAST + timedelta(days=days)
        keep(locked_vault, found)
    assert records.find_passed(locked_vault.client, TRUST, "twin") == PAST
    assert records.find_passed(locked_vault.client, TRUST, "vendors") == PAST + timedelta(days=3)
    counted = records.choose_counted(records.read_records(locked_vault.client, TRUST), "test", "twin")
    assert [(at, one.verdict) for at, one in counted] == [
        (PAST + timedelta(days=1), "not_ready"),
        (PAST, "ready"),
    ]
