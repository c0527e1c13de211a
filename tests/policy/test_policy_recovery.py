"""The worst case of a scheduled job: what is lost, and when anyone hears of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from policy_harness import (
    ABSENT,
    UNKNOWN,
    Toy,
    alter,
    find_toy,
    production,
    resource_requests,
    secret,
    stack_request,
    without,
)

from policies.facts.losses import losses_of
from policies.facts.recovery_paths import RecoveryPath, read_assumption, read_objective, recovery_paths_of
from policies.framework.messages import Message
from policies.framework.stack import PolicyStack

_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_BEAT, _CRON = "job-database-heartbeat", "job-database-cron"


def stack_of(toys: Sequence[Toy]) -> PolicyStack:
    announced = {request.urn: request.properties for request in resource_requests(toys)}
    return PolicyStack(stack_request(toys).resources, announced)


def path(toys: Sequence[Toy]) -> RecoveryPath:
    """Return the database's only way back."""
    stack = stack_of(toys)
    store = stack.get(find_toy(toys, "database-project").urn)
    assert store
    (found,) = recovery_paths_of(store, stack)
    return found


def lacking(toys: Sequence[Toy]) -> list[str]:
    return [text.text for text in path(toys).problems]


def only_heartbeat() -> list[Toy]:
    return without(production(), _CRON, "job-database-alert")


def only_cron() -> list[Toy]:
    return without(production(), _BEAT)


def test_production_loses_a_day_and_what_its_job_may_take() -> None:
    found = path(production())
    assert found.loss == 24 * _HOUR + 2 * _HOUR + 30 * _MINUTE + 15 * _MINUTE
    assert found.problems == ()
    assert found.retention_days == 35
    assert {bucket.name for bucket in found.copies} == {"backups-vault-bucket", "backups-replica-bucket"}


def test_the_arithmetic_of_a_loss_leaves_out_terms_of_zero() -> None:
    assert path(production()).arithmetic.text == (
        "1 d between runs + 2 h lateness + 30 min longest run + 15 min to the replica = 1 d 2 h 45 min"
    )


def test_a_recovery_report_holds_every_term_and_their_sum() -> None:
    report = path(production()).document()
    assert report["by"] == "job-database"
    assert sum(term["seconds"] for term in report["terms"]) == report["loss_seconds"]
    assert [term["what"] for term in report["terms"]] == [
        "between runs",
        "lateness",
        "longest run",
        "to the replica",
        "until a missed run is noticed",
    ]


@pytest.mark.parametrize(
    ("schedule", "gap"),
    [
        ("17 2 * * *", timedelta(days=1)),
        ("17 */6 * * *", timedelta(hours=6)),
        ("17 2 * * 1-5", timedelta(days=3)),
        ("17 2 1 * *", timedelta(days=31)),
    ],
)
def test_the_longest_gap_of_the_schedule_counts(schedule: str, gap: timedelta) -> None:
    beat = alter(production(), _BEAT, interval=gap.total_seconds())
    assert path(alter(beat, "job-database", schedule=schedule)).terms[0].length == gap


def test_copies_that_no_replication_makes_need_no_way_to_a_replica() -> None:
    vault = find_toy(production(), "backups-vault-bucket").urn
    assert path(alter(production(), "job-database", copies=[vault])).loss == 26 * _HOUR + 30 * _MINUTE


def test_the_slowest_promise_of_a_replication_counts() -> None:
    rules = find_toy(production(), "backups-replication").inputs["rules"]
    slow = {"status": "Enabled", "time": {"minutes": 60}}
    second = {**rules[0], "destination": {**rules[0]["destination"], "replicationTime": slow}}
    made_from = find_toy(production(), "backups-replication").made_from
    toys = [
        replace(toy, made_from=made_from) if toy.name == "backups-replication" else toy
        for toy in alter(production(), "backups-replication", rules=[*rules, second])
    ]
    assert path(toys).loss == 27 * _HOUR + 30 * _MINUTE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"replicationTime": ABSENT}, "does not promise when a copy is in the replica"),
        ({"replicationTime__status": "Disabled"}, "does not promise when a copy is in the replica"),
        ({"replicationTime__time__minutes": "15"}, "does not promise when a copy is in the replica"),
        ({"replicationTime__time__minutes": UNKNOWN}, "could not be decided"),
    ],
)
def test_a_replica_that_comes_at_any_time_bounds_no_loss(change: dict[str, Any], reason: str) -> None:
    paths_in = {f"rules__0__destination__{path}": value for path, value in change.items()}
    texts = lacking(alter(production(), "backups-replication", **paths_in))
    assert texts
    assert all(reason in text for text in texts)


def test_a_heartbeat_counts_from_the_end_of_the_last_run() -> None:
    # 26 h 30 min of silence after a run of 30 min that began when the copy was taken, so 27 h; of these,
    # 26 h 45 min are accounted for.
    found = path(only_heartbeat())
    assert found.terms[-1].length == 15 * _MINUTE
    assert found.loss == 27 * _HOUR


@pytest.mark.parametrize(
    ("change", "late"),
    [
        ({"gracePeriod": 9000 - 900}, timedelta()),
        ({"gracePeriod": 9000 + 3600}, 15 * _MINUTE + _HOUR),
        ({"interval": 2 * 86_400}, 15 * _MINUTE + 24 * _HOUR),
    ],
)
def test_the_loss_includes_the_time_that_a_lax_heartbeat_is_silent(
    change: dict[str, Any], late: timedelta
) -> None:
    assert path(alter(only_heartbeat(), _BEAT, **change)).terms[-1].length == late


def delay_contacts(toys: Sequence[Toy], minutes: object) -> list[Toy]:
    """Return the stack with every contact of the heartbeat told so much later."""
    contacts = range(len(find_toy(toys, _BEAT).inputs["assignedAlertContacts"]))
    return alter(toys, _BEAT, **{f"assignedAlertContacts__{one}__threshold": minutes for one in contacts})


def test_the_loss_includes_the_delay_of_contacts() -> None:
    late = delay_contacts(only_heartbeat(), 60)
    assert path(late).terms[-1].length == 15 * _MINUTE + _HOUR
    assert path(alter(late, _BEAT, assignedAlertContacts__0__threshold=0)).loss == 27 * _HOUR


def test_a_cron_monitor_counts_from_the_schedule() -> None:
    assert path(only_cron()).terms[-1].length == timedelta()


@pytest.mark.parametrize(
    ("change", "late"),
    [
        ({"checkinMarginMinutes": 120 + 15}, timedelta()),
        ({"checkinMarginMinutes": 120 + 60}, 45 * _MINUTE),
        ({"maxRuntimeMinutes": 30 + 60}, 45 * _MINUTE),
        ({"failureIssueThreshold": 2}, 24 * _HOUR - 15 * _MINUTE),
        ({"failureIssueThreshold": ABSENT}, timedelta()),
        ({"schedule__crontab": "17 2 * * 6"}, 6 * 24 * _HOUR - 15 * _MINUTE),
    ],
)
def test_the_loss_includes_the_time_that_a_lax_cron_monitor_is_silent(
    change: dict[str, Any], late: timedelta
) -> None:
    assert path(alter(only_cron(), _CRON, **change)).terms[-1].length == late


def test_the_first_monitor_to_alert_counts() -> None:
    deaf = alter(production(), _BEAT, interval=2_678_400)
    assert path(deaf).loss == path(production()).loss
    deaf = alter(production(), _CRON, maxRuntimeMinutes=10_000)
    assert path(deaf).terms[-1].length == 15 * _MINUTE


@pytest.mark.parametrize(
    ("toys", "reason"),
    [
        (without(production(), _BEAT, _CRON), "nobody is told when job-database (ScheduledJob) does not run"),
        (alter(only_heartbeat(), _BEAT, type="HTTP"), "nobody is told"),
        (alter(only_heartbeat(), _BEAT, isPaused=True), "must declare isPaused false"),
        (alter(only_heartbeat(), _BEAT, isPaused=ABSENT), "must declare isPaused false"),
        (alter(only_heartbeat(), _BEAT, interval=ABSENT), "has no interval"),
        (alter(only_heartbeat(), _BEAT, gracePeriod=-1), "has no gracePeriod"),
        (alter(only_heartbeat(), _BEAT, assignedAlertContacts=[]), "tells nobody"),
        (delay_contacts(only_heartbeat(), ABSENT), "does not say when it tells them"),
        (delay_contacts(only_heartbeat(), UNKNOWN), "could not be decided: assignedAlertContacts"),
        (alter(only_heartbeat(), _BEAT, gracePeriod=UNKNOWN), "could not be decided: gracePeriod"),
        (alter(only_cron(), _CRON, enabled=False), "must declare enabled true"),
        (alter(only_cron(), _CRON, enabled=ABSENT), "must declare enabled true"),
        (alter(only_cron(), _CRON, schedule__crontab="never"), "has no crontab"),
        (alter(only_cron(), _CRON, schedule={"intervalValue": 1, "intervalUnit": "day"}), "has no crontab"),
        (alter(only_cron(), _CRON, checkinMarginMinutes=ABSENT), "has no checkinMarginMinutes"),
        (alter(only_cron(), _CRON, maxRuntimeMinutes=ABSENT), "has no maxRuntimeMinutes"),
        (alter(only_cron(), _CRON, failureIssueThreshold=0), "has no usable failureIssueThreshold"),
    ],
)
def test_a_monitor_that_would_not_alert_does_not_count(toys: list[Toy], reason: str) -> None:
    (text,) = lacking(toys)
    assert reason in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schedule": ""}, "has no schedule"),
        ({"schedule": 5}, "has no schedule"),
        ({"schedule": ["17 2 * * *"]}, "has no schedule"),
        ({"schedule": "17 2 * * * *"}, "has no schedule"),
        ({"schedule": "0 0 30 2 *"}, "has no schedule"),
        ({"schedule": UNKNOWN}, "could not be decided: schedule"),
        ({"latenessMinutes": "120"}, "does not say how late it may be"),
        ({"latenessMinutes": -1}, "does not say how late it may be"),
        ({"latenessMinutes": True}, "does not say how late it may be"),
        ({"latenessMinutes": 1e300}, "does not say how late it may be"),
        ({"longestRunMinutes": ABSENT}, "does not say how long it may run"),
    ],
)
def test_a_loss_that_can_not_be_computed_is_reported(change: dict[str, Any], reason: str) -> None:
    found = path(alter(production(), "job-database", **change))
    assert found.terms == ()
    assert any(reason in text.text for text in found.problems)


def test_secret_facts_count_like_others() -> None:
    assert (
        path(alter(production(), "job-database", latenessMinutes=secret(120))).loss == path(production()).loss
    )


def objective_of(toys: Sequence[Toy], store: str = "database-project") -> tuple[float, list[Message]]:
    """Return the independent RPO of a store, in hours, where the pack allows 27."""
    stack = stack_of(toys)
    found = stack.get(find_toy(toys, store).urn)
    assert found
    return read_objective(found, stack, "independent_recovery_point_hours", 27)


@pytest.mark.parametrize(("promised", "expected"), [(1, 1), (26.5, 26.5), (100, 27)])
def test_a_platform_may_promise_more_than_the_pack_demands_and_not_less(
    promised: float, expected: float
) -> None:
    toys = alter(production(), "example", objectives__independent_recovery_point_hours=promised)
    assert objective_of(toys) == (expected, [])


@pytest.mark.parametrize(("own", "expected"), [(1, 1), (20, 20), (100, 27)])
def test_a_stores_own_objective_holds_in_place_of_the_platforms(own: float, expected: float) -> None:
    toys = alter(production(), "example", objectives__independent_recovery_point_hours=10)
    toys = alter(toys, "job-database", objectives={"independent_recovery_point_hours": own})
    assert objective_of(toys) == (expected, [])
    assert objective_of(toys, "files") == (10, [])
    # Another objective of its own leaves this one to the platform.
    toys = alter(toys, "job-database", objectives={"proof_age_hours": own})
    assert objective_of(toys) == (10, [])
    unknown = alter(toys, "job-database", objectives={"independent_recovery_point_hours": UNKNOWN})
    assert objective_of(unknown)[1]


@pytest.mark.parametrize(("assumed", "expected"), [(1, 14), (14, 14), (60, 60)])
def test_a_platform_may_assume_worse_than_the_pack_does_and_not_better(
    assumed: float, expected: float
) -> None:
    toys = alter(production(), "example", objectives__corruption_noticed_within_days=assumed)
    assert read_assumption(stack_of(toys), "corruption_noticed_within_days", 14) == (expected, [])


def test_the_strictest_of_several_platforms_counts() -> None:
    second = Toy("acme:index:Shop", "shop", {"objectives": {"independent_recovery_point_hours": 5}})
    assert objective_of([*production(), second]) == (5, [])


def test_a_stack_that_publishes_no_objectives_is_held_to_the_packs() -> None:
    toys = alter(production(), "example", objectives=ABSENT)
    assert objective_of(toys) == (27, [])


def what_is_left(toys: Sequence[Toy]) -> dict[tuple[str, str], set[str]]:
    """Return what is left of the database: kind and name of what is lost -> names of the resources."""
    stack = stack_of(toys)
    database = stack.get(find_toy(toys, "database-project").urn)
    assert database
    return {
        (loss.kind, loss.name): {urn.rpartition("::")[2] for urn in loss.left}
        for loss in losses_of(database, stack)
    }


def test_what_is_left_of_the_database_is_told_for_each_thing_and_credential() -> None:
    left = what_is_left(production())
    store, vault, replica = "database-project", "backups-vault-bucket", "backups-replica-bucket"
    elsewhere = "elsewhere"
    everything = {store, vault, replica, elsewhere}
    assert left == {
        ("vendor", "neon"): everything - {store},
        ("vendor", "aws"): {store, elsewhere},
        ("vendor", "backblaze"): everything - {elsewhere},
        ("cloud", "aws"): {elsewhere},
        ("cloud", "backblaze"): everything - {elsewhere},
        ("account", "neon, not declared"): everything - {store},
        ("account", "aws 123456789012"): everything - {vault},
        ("account", "aws 210987654321"): everything - {replica},
        ("account", "backblaze, not declared"): everything - {elsewhere},
        ("region", "aws eu-central-1"): everything - {store},
        ("region", "aws eu-west-1"): everything - {vault},
        ("region", "aws eu-north-1"): everything - {replica},
        ("region", "backblaze eu-central-003"): everything - {elsewhere},
        ("key", "neon's own"): everything - {store},
        ("key", "backups-vault-key"): everything - {vault},
        ("key", "backups-replica-key"): everything - {replica},
        ("key", "of elsewhere"): everything - {elsewhere},
        ("role", "example-break-glass of 123456789012"): everything - {vault},
        ("role", "example-break-glass of 210987654321"): everything - {replica},
        ("role", _HARMLESS): everything,
        ("api key", "of neon"): everything - {store},
        # Its copies are locked for good.
        ("api key", "of backblaze"): everything,
    }


def test_a_role_takes_what_its_policies_and_those_of_bucket_and_key_let_it() -> None:
    writer, vault = "backups-identity-backup-writer-policy", "backups-vault-bucket"
    row = ("role", "example-backup-writer of 123456789012")
    disable = {"Effect": "Allow", "Action": "kms:DisableKey", "Resource": "*"}
    delete = {"Effect": "Allow", "Action": ["s3:DeleteObjectVersion", "s3:Bypass*"], "Resource": "*"}
    for more in (disable, delete):
        toys = allow_more(production(), writer, more)
        # The key's policy denies the one, and the lock the other.
        assert row not in what_is_left(toys)
        toys = alter(toys, "backups-vault-policy", policy='{"Statement": []}')
        toys = alter(toys, "backups-vault-lock", rule__defaultRetention__mode="GOVERNANCE")
        toys = alter(toys, "backups-vault-key", policy=_ACCOUNT_ADMINISTERS)
        left = what_is_left(toys)
        assert vault not in left[row]
        assert "backups-replica-bucket" in left[row]


def test_an_account_takes_the_copies_whose_key_it_administers_too() -> None:
    toys = alter(production(), "backups-replica-key", policy=_ACCOUNT_ADMINISTERS)
    left = what_is_left(toys)["account", "aws 123456789012"]
    assert left == {"database-project", "elsewhere"}


def allow_more(toys: Sequence[Toy], name: str, statement: dict[str, Any]) -> Sequence[Toy]:
    policy = json.loads(find_toy(toys, name).inputs["policy"])
    policy["Statement"].append(statement)
    return alter(toys, name, policy=json.dumps(policy))


_ACCOUNT_ADMINISTERS: Final = json.dumps(
    {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    }
)
_HARMLESS: Final = ", ".join(
    [
        *(
            f"example-{name} of 123456789012"
            for name in (
                "backup-restorer",
                "backup-writer",
                "copier",
                "deployer",
                "driller",
                "planner",
            )
        ),
        *(
            f"example-{name} of 210987654321"
            for name in ("replica-driller", "replica-reader", "replica-restorer")
        ),
        *(
            f"example-{name} of 123456789012"
            for name in ("state-driller", "state-writer", "vault-replicator")
        ),
    ]
)
