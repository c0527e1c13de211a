"""What another stack has in the same accounts is judged by that one's own audit, by its names."""

import pytest

from engine.stack_file import load_settings, read
from live.finding import LiveFinding
from live.other_stacks import leave_to_others

PROD, STAGING = (load_settings(stack, read(stack)) for stack in ("prod", "staging"))
ROLE = "aws/account/123456789012/role/"


def find(called: str, *, can_be_reviewed: bool = True) -> LiveFinding:
    return LiveFinding("thing", "it is there", "look", can_be_reviewed=can_be_reviewed, called=called)


@pytest.mark.parametrize(
    "called",
    [
        f"{ROLE}example-staging-deployer",
        "aws/account/210987654321/bucket/example-staging-vault-210987654321-eu-north-1",
        "neon/project/org-example-00000000/example-staging",
        "uptimerobot/monitor/example-staging backend health",
        "sentry/project/example/staging-backend",
        "sentry/monitor/example/staging-backend",
        "supabase/bucket/staginghijklmnopqrst/documents",
    ],
)
def test_a_thing_with_a_name_of_staging_is_stagings_to_judge(called: str) -> None:
    assert leave_to_others([find(called)], PROD, {"staging": STAGING}) == ([], {"staging": 1})
    # In its own audit, and where nobody says that it stands beside, it is a finding.
    assert leave_to_others([find(called)], STAGING, {"prod": PROD}) == ([find(called)], {})
    assert leave_to_others([find(called)], PROD, {}) == ([find(called)], {})


@pytest.mark.parametrize(
    "called",
    [
        f"{ROLE}example-stagingdeployer",
        f"{ROLE}example-evil",
        f"{ROLE}evil",
        "aws/account/999999999999/role/example-staging-deployer",
        "aws/account/123456789012/user/example-staging-somebody",
        "aws/account/123456789012/access-key/example-staging-somebody/1",
        "neon/project/org-example-00000000/example-staging-2",
        "neon/project/org-other/example-staging",
        "supabase/bucket/abcdefghijklmnopqrst/other",
        "sentry/project/example/other",
        "",
    ],
)
def test_a_thing_without_a_name_of_staging_stays_a_finding(called: str) -> None:
    assert leave_to_others([find(called)], PROD, {"staging": STAGING}) == ([find(called)], {})


def test_what_no_entry_may_excuse_no_name_excuses_either() -> None:
    found = find(f"{ROLE}example-staging-deployer", can_be_reviewed=False)
    assert leave_to_others([found], PROD, {"staging": STAGING}) == ([found], {})


def test_production_is_not_judged_by_staging() -> None:
    found = find(f"{ROLE}example-deployer")
    assert leave_to_others([found], STAGING, {"prod": PROD}) == ([], {"prod": 1})
