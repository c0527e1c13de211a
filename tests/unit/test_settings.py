"""What a stack's file may contain, and the messages about a wrong one."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cli.drill_facts import drill_objectives
from components.settings import PROJECT, SettingsError, load
from components.settings.schema import document

CHECKOUT = Path(__file__).resolve().parents[2]


def stack_file(stack: str) -> dict[str, Any]:
    return yaml.safe_load((CHECKOUT / f"Pulumi.{stack}.yaml").read_text())


def production() -> dict[str, Any]:
    config = stack_file("prod")["config"]
    return {key.removeprefix(f"{PROJECT}:"): copy.deepcopy(block) for key, block in config.items()}


def find_problems(blocks: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SettingsError) as refused:
        load(blocks)
    return {problem.path: problem.message for problem in refused.value.problems}


def test_production_has_the_values_that_the_platform_was_promised() -> None:
    settings = load(production())
    assert settings.neon["database"].history_retention_hours == 7 * 24
    assert settings.stores["database"].backup.schedule == "17 2 * * *"
    assert settings.stores["files"].backup.schedule == "47 2 * * *"
    assert settings.vaults.retention.files_days == 30
    assert settings.uptime
    assert settings.uptime.interval_seconds == 60
    assert len(settings.uptime.regions) > 1
    objectives = settings.platform.objectives
    assert objectives.recovery_time_minutes == 60
    assert objectives.critical_recovery_time_minutes == 15
    assert objectives.recovery_point_minutes == 60


def test_the_twin_has_the_same_shape_as_production() -> None:
    def shape(value: Any) -> Any:
        return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else None

    assert shape(stack_file("local")["config"]) == shape(stack_file("prod")["config"])


Damage = Callable[[dict[str, Any]], object]

WRONG: list[tuple[str, Damage, str, str]] = [
    (
        "unknown key",
        lambda b: b["stores"]["database"].update(histroy=1),
        "stores.database.histroy",
        "no setting",
    ),
    ("unknown block", lambda b: b.update(databse={}), "databse", "no block"),
    ("missing block", lambda b: b.pop("platform"), "platform", "missing"),
    (
        "a check by a vendor without a block",
        lambda b: b.pop("uptime"),
        "services.frontend.checks.page.watched_by",
        "uptimerobot; there is no block uptime",
    ),
    (
        "an error project without a block",
        lambda b: b.pop("errors"),
        "services.frontend.errors",
        "is there; there is no block errors",
    ),
    (
        "unknown service for the jobs",
        lambda b: b["errors"].update(jobs_service="backed"),
        "errors.jobs_service",
        "none of the services that have `errors`: backend, frontend",
    ),
    (
        "a service without errors for the jobs",
        lambda b: b["services"]["backend"].pop("errors"),
        "errors.jobs_service",
        "none of the services that have `errors`: frontend",
    ),
    (
        "two services at one address",
        lambda b: b["services"]["frontend"].update(url="https://api.example.com/"),
        "services.frontend.url",
        "is the address of backend too",
    ),
    (
        "two services with one project",
        lambda b: b["services"]["frontend"]["errors"].update(project="backend"),
        "services.frontend.errors.project",
        "is the project of backend too",
    ),
    (
        "a service whose name Sentry takes for a number",
        lambda b: b["services"].update(
            {
                "2026": {
                    "url": "https://x.example.com",
                    "errors": {"platform": "node", "events_per_minute": 1, "paths": ["a"]},
                }
            }
        ),
        "services.2026.errors.project",
        "takes 2026 for a number",
    ),
    (
        "a check whose name could be of another service",
        lambda b: b["services"]["backend"]["checks"].update({"a-b": {"path": "/", "severity": "sev1"}}),
        "services.backend.checks.a-b",
        "must match the pattern",
    ),
    (
        "a check at Sentry of a service without a project",
        lambda b: b["services"].update(
            shop={
                "url": "https://shop.example.com",
                "checks": {"page": {"path": "/", "severity": "sev1", "watched_by": ["sentry"]}},
            }
        ),
        "services.shop.checks.page.watched_by",
        "needs `errors`",
    ),
    (
        "a check that one vendor watches twice",
        lambda b: b["services"]["backend"]["checks"]["health"].update(watched_by=["sentry", "sentry"]),
        "services.backend.checks.health.watched_by",
        "names a vendor twice",
    ),
    ("missing key", lambda b: b["stores"]["database"].pop("region"), "stores.database.region", "missing"),
    (
        "text for a number",
        lambda b: b["stores"]["database"].update(history_retention_hours="168"),
        "stores.database.history_retention_hours",
        "must be a whole number",
    ),
    (
        "more history than the plan keeps",
        lambda b: b["stores"]["database"].update(history_retention_hours=200),
        "stores.database.history_retention_hours",
        "at most 168 h",
    ),
    (
        "protected branch on the free plan",
        lambda b: b["stores"]["database"].update(plan="free", history_retention_hours=6),
        "stores.database.protect_default_branch",
        "free plan",
    ),
    (
        "custom suspend time without the scale plan",
        lambda b: b["stores"]["database"]["compute"].update(suspend_after_seconds=600),
        "stores.database.compute.suspend_after_seconds",
        "scale plan",
    ),
    (
        "compute upside down",
        lambda b: b["stores"]["database"]["compute"].update(minimum_units=4),
        "stores.database.compute.maximum_units",
        "below",
    ),
    (
        "one role for two purposes",
        lambda b: b["stores"]["database"].update(backup_role="platform_app"),
        "stores.database.application_role",
        "a role each",
    ),
    (
        "role name too long",
        lambda b: b["stores"]["database"].update(owner_role="o" * 64),
        "stores.database.owner_role",
        "at most 63 characters",
    ),
    (
        "interval below the plan's floor",
        lambda b: b["uptime"].update(interval_seconds=30),
        "uptime.interval_seconds",
        "no more often than every 60 s",
    ),
    ("heartbeats on the free plan", lambda b: b["uptime"].update(plan="free"), "uptime.plan", "paid plan"),
    (
        "repeated alerts on the free plan",
        lambda b: (
            b["uptime"].update(plan="free"),
            b["alerting"]["channels"]["oncall"].update(repeat_minutes=5),
        ),
        "alerting.channels.oncall",
        "must be 0",
    ),
    (
        "an escalation policy that there is not",
        lambda b: b["alerting"]["channels"]["oncall"].update(escalation="calm"),
        "alerting.channels.oncall.escalation",
        "no such escalation policy, there are: urgent",
    ),
    (
        "an escalation policy without on-call",
        lambda b: b.pop("oncall"),
        "alerting.channels.oncall.escalation",
        "there is no block oncall",
    ),
    (
        "an escalation policy of no channel",
        lambda b: b["alerting"]["channels"]["oncall"].pop("escalation"),
        "oncall.escalations.urgent",
        "is used by no channel",
    ),
    (
        "a level with nobody",
        lambda b: b["oncall"]["escalations"]["urgent"]["levels"][1].update(people=[]),
        "oncall.escalations.urgent.levels.1",
        "calls nobody",
    ),
    (
        "a schedule that there is not",
        lambda b: b["oncall"]["escalations"]["urgent"]["levels"][1].update(schedules=["nights"]),
        "oncall.escalations.urgent.levels.1.schedules",
        "no such schedule, there are: primary",
    ),
    (
        "a schedule of no escalation policy",
        lambda b: b["oncall"]["schedules"].update(nights=b["oncall"]["schedules"]["primary"]),
        "oncall.schedules.nights",
        "is in no escalation policy",
    ),
    (
        "a rotation that begins at no instant",
        lambda b: b["oncall"]["schedules"]["primary"]["layers"][0].update(starts="2026-01-05"),
        "oncall.schedules.primary.layers.0.starts",
        "must be an instant in UTC",
    ),
    (
        "a time zone that there is not",
        lambda b: b["oncall"]["schedules"]["primary"].update(time_zone="Berlin"),
        "oncall.schedules.primary.time_zone",
        "must be a time zone",
    ),
    (
        "hours of every day that are all hours",
        lambda b: b["oncall"]["schedules"]["primary"]["layers"][0].update(
            only=[{"time": "08:00:00", "hours": 24}]
        ),
        "oncall.schedules.primary.layers.0.only",
        "leave `only` out",
    ),
    (
        "a quiet service that is managed elsewhere",
        lambda b: b["alerting"]["channels"]["oncall"].update(escalation=None, urgency="low"),
        "alerting.channels.oncall.urgency",
        "needs an `escalation`",
    ),
    (
        "one service of two channels",
        lambda b: (
            b["alerting"]["channels"].update(nights=b["alerting"]["channels"]["oncall"]),
            b["alerting"]["routes"]["sev4"].append("nights"),
        ),
        "alerting.channels.nights.service",
        "another channel declares this service",
    ),
    (
        "expiry shorter than the lock",
        lambda b: b["backups"]["retention"].update(files_days=20),
        "backups.retention.files_days",
        "Object Lock of 30 days",
    ),
    (
        "retention shorter than corruption goes unseen",
        lambda b: (b["backups"].update(lock_days=5), b["backups"]["retention"].update(files_days=14)),
        "backups.retention.files_days",
        "may go unseen for 14 days",
    ),
    (
        "no cron",
        lambda b: b["stores"]["database"]["backup"].update(schedule="daily"),
        "stores.database.backup.schedule",
        "not a cron schedule",
    ),
    (
        "a schedule that loses more than allowed",
        lambda b: b["stores"]["files"]["backup"].update(schedule="0 2 * * 1-5"),
        "stores.files.backup.schedule",
        "allows 1 d 3 h",
    ),
    (
        "a proof that is older than allowed",
        lambda b: b["backups"]["proof"].update(lateness_minutes=301),
        "backups.proof.schedule",
        "lets the last proof become 1 d 6 h 1 min old; platform.objectives.proof_age_hours allows 1 d 6 h",
    ),
    (
        "a store of which less may be lost than of the others",
        lambda b: b["stores"]["files"].update(objectives={"independent_recovery_point_hours": 20}),
        "stores.files.backup.schedule",
        "stores.files.objectives.independent_recovery_point_hours allows 20 h",
    ),
    (
        "a store whose proof is to be younger than the others'",
        lambda b: b["stores"]["files"].update(objectives={"proof_age_hours": 20}),
        "backups.proof.schedule",
        "stores.files.objectives.proof_age_hours allows 20 h",
    ),
    (
        "a store with less time than its first query has",
        lambda b: b["stores"]["files"].update(objectives={"recovery_time_minutes": 10}),
        "stores.files.objectives.critical_recovery_time_minutes",
        "15 min; everything has only 10 min",
    ),
    (
        "backups without a proof",
        lambda b: b["stores"]["database"]["backup"].update(schedule="17 */6 * * *"),
        "backups.proof.schedule",
        "those of database are at most 6 h apart",
    ),
    (
        "a proof that may be older than a week",
        lambda b: b["platform"]["objectives"].update(proof_age_hours=169),
        "platform.objectives.proof_age_hours",
        "must be at most 168",
    ),
    ("no proof at all", lambda b: b["backups"].pop("proof"), "backups.proof", "is missing"),
    (
        "vault in the database's region",
        lambda b: (
            b["stores"]["files"].update(region="eu-west-3"),
            b["backups"].update(region="eu-central-1"),
        ),
        "backups.region",
        "database lives in that region",
    ),
    (
        "vault in the files' region",
        lambda b: (b["stores"]["files"].update(region="eu-west-3"), b["backups"].update(region="eu-west-3")),
        "backups.region",
        "eu-west-3; the store files lives in that region",
    ),
    (
        "replica in the files' region",
        lambda b: b["stores"]["files"].update(region="eu-north-1"),
        "backups.replica.region",
        "eu-north-1; the store files lives in that region",
    ),
    (
        "files of an address, not of a project",
        lambda b: b["stores"]["files"].update(project="abcdefghijklmnopqrst.supabase.co"),
        "stores.files.project",
        "'abcdefghijklmnopqrst.supabase.co'; must match the pattern",
    ),
    (
        "project reference one letter short",
        lambda b: b["stores"]["files"].update(project="abcdefghijklmnopqrs"),
        "stores.files.project",
        "^[a-z]{20}$",
    ),
    (
        "files in no bucket",
        lambda b: b["stores"]["files"].update(buckets=[]),
        "stores.files.buckets",
        "at least 1 must be",
    ),
    (
        "bucket named twice",
        lambda b: b["stores"]["files"].update(buckets=["documents", "avatars", "documents"]),
        "stores.files.buckets",
        "names a bucket twice",
    ),
    (
        "bucket with a path",
        lambda b: b["stores"]["files"].update(buckets=["documents/invoices"]),
        "stores.files.buckets.0",
        "'documents/invoices'; must match the pattern",
    ),
    (
        "replica in the vault's region",
        lambda b: b["backups"]["replica"].update(region="eu-west-1"),
        "backups.replica.region",
        "primary vault is there too",
    ),
    (
        "another account without a profile",
        lambda b: b["backups"]["replica"].pop("profile"),
        "backups.replica.profile",
        "signs in to the replica's account",
    ),
    (
        "account that YAML read as a number",
        lambda b: b["backups"].update(account=123456789012),
        "backups.account",
        "must be a text; put it into quotes",
    ),
    (
        "database that drills replace",
        lambda b: b["stores"]["database"].update(disposable=True),
        "stores.database.disposable",
        "no drill may replace production's data",
    ),
    (
        "lock that can be lifted",
        lambda b: b["backups"].update(lock_mode="GOVERNANCE"),
        "backups.lock_mode",
        "COMPLIANCE",
    ),
    (
        "route to nobody",
        lambda b: b["alerting"]["routes"].update(sev4=[]),
        "alerting.routes.sev4",
        "reaches nobody",
    ),
    (
        "route to a channel that is not there",
        lambda b: b["alerting"]["routes"].update(sev3=["fax"]),
        "alerting.routes.sev3",
        "no such channel",
    ),
    (
        "route that no error can take",
        lambda b: b["alerting"]["routes"].update(sev3=["automation"]),
        "alerting.routes.sev3",
        "reaches nobody with an error",
    ),
    (
        "channel on no route",
        lambda b: b["alerting"]["routes"].update(sev2=["incidents"], sev1=["oncall"], sev4=["operations"]),
        "alerting.channels.automation",
        "on no route",
    ),
    (
        "repository without its number",
        lambda b: b["platform"].pop("repository_id"),
        "platform.repository_id",
        "`gh api repos/example/platform --jq '{id, owner: .owner.id}'` prints it",
    ),
    (
        "repository without its owner's number",
        lambda b: b["platform"].pop("repository_owner_id"),
        "platform.repository_owner_id",
        "is missing",
    ),
    (
        "repository with a number that is no number",
        lambda b: b["platform"].update(repository_id="456789"),
        "platform.repository_id",
        "must be a whole number",
    ),
    (
        "repository with numbers that nothing would demand",
        lambda b: b["platform"].update(immutable_subject=False),
        "platform.immutable_subject",
        "would not be demanded",
    ),
    (
        "repository with numbers in its name",
        lambda b: b["platform"].update(repository="example@123456/platform@456789"),
        "platform.repository",
        "must match the pattern",
    ),
    (
        "plain http",
        lambda b: b["services"]["backend"].update(url="http://api.example.com"),
        "services.backend.url",
        "https",
    ),
    (
        "name too long for a bucket",
        lambda b: b["platform"].update(name="a-platform-with-a-long-name"),
        "platform.name",
        "at most 20 characters",
    ),
    (
        "project slug too long for Sentry",
        lambda b: b["errors"].update(team="t" * 51),
        "errors.team",
        "at most 50 characters",
    ),
    (
        "slug of digits alone, which Sentry takes for an id",
        lambda b: b["errors"].update(organization="4711"),
        "errors.organization",
        "pattern",
    ),
    (
        "channel of a type that is none",
        lambda b: b["alerting"]["channels"].update(fax={"type": "fax"}),
        "alerting.channels.fax.type",
        "'fax'; is none of 'slack', 'pagerduty', 'email', 'webhook'",
    ),
    (
        "channel without what its type needs",
        lambda b: b["alerting"]["channels"]["incidents"].pop("workspace"),
        "alerting.channels.incidents.workspace",
        "is missing",
    ),
    (
        "severity that is none",
        lambda b: b["services"]["backend"]["checks"]["health"].update(severity="sev0"),
        "services.backend.checks.health.severity",
        "'sev0'; is none of",
    ),
    (
        "list whose second entry is wrong",
        lambda b: b["uptime"].update(regions=["na", "moon"]),
        "uptime.regions.1",
        "'moon'; is none of",
    ),
    ("empty setting", lambda b: b["backups"].update(region=None), "backups.region", "is empty"),
    ("empty block", lambda b: b.update(uptime=None), "uptime", "is empty"),
    (
        "files that no store of files has",
        lambda b: b["stores"]["database"]["drill"]["files"].update(pictures="SELECT 1"),
        "stores.database.drill.files.pictures",
        "is no store of files; there are: files",
    ),
    (
        "two stores in one project",
        lambda b: b["stores"].update(orders=copy.deepcopy(b["stores"]["database"])),
        "stores.orders.project",
        "is the project of database too",
    ),
    (
        "a store named as a job",
        lambda b: b["stores"].update(proof=b["stores"].pop("files")),
        "stores.proof",
        "is reserved",
    ),
    (
        "a store whose resources would be named as others",
        lambda b: b["stores"].update({"errors-of-old": b["stores"].pop("files")}),
        "stores.errors-of-old",
        "begins as other resources do",
    ),
    (
        "a store of a type that is none",
        lambda b: b["stores"]["files"].update(type="gcs"),
        "stores.files.type",
        "'gcs'; is none of 'neon', 'postgres', 'supabase', 's3'",
    ),
    ("no TLS", lambda b: b["stores"]["database"].update(tls="disable"), "stores.database.tls", "TLS"),
    (
        "objectives upside down",
        lambda b: b["platform"]["objectives"].update(critical_recovery_time_minutes=90),
        "platform.objectives.critical_recovery_time_minutes",
        "only 60 min",
    ),
]


@pytest.mark.parametrize(("damage", "path", "message"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_setting_is_named_with_its_limit(damage: Damage, path: str, message: str) -> None:
    blocks = production()
    damage(blocks)
    assert message in find_problems(blocks)[path]


def test_a_subject_names_the_repository_by_its_numbers_unless_the_settings_say_otherwise() -> None:
    blocks = production()
    settings = load(blocks).platform
    assert settings.subject("backup") == "repo:example@123456/platform@456789:environment:backup"
    del blocks["platform"]["repository_id"], blocks["platform"]["repository_owner_id"]
    blocks["platform"]["immutable_subject"] = False
    assert load(blocks).platform.subject("backup") == "repo:example/platform:environment:backup"


def test_a_slug_at_sentry_may_have_an_underscore() -> None:
    blocks = production()
    blocks["errors"] |= {"organization": "an_organization", "team": "_team"}
    errors = load(blocks).errors
    assert errors
    assert errors.team == "_team"


def test_all_problems_of_a_file_are_reported_at_once() -> None:
    blocks = production()
    blocks["stores"]["database"]["history_retention_hours"] = 999
    blocks["backups"]["replica"]["region"] = "eu-west-1"
    blocks["alerting"]["routes"]["sev1"] = []
    blocks["uptime"]["surprise"] = True
    assert find_problems(blocks).keys() >= {
        "stores.database.history_retention_hours",
        "backups.replica.region",
        "alerting.routes.sev1",
        "uptime.surprise",
    }


def test_the_rules_between_blocks_do_not_wait_for_the_other_blocks() -> None:
    blocks = production()
    del blocks["platform"]["name"]
    blocks["uptime"] = None
    blocks["backups"]["region"] = blocks["stores"]["database"]["region"].removeprefix("aws-")
    blocks["backups"]["lock_mode"] = "GOVERNANCE"
    found = find_problems(blocks)
    assert found.keys() >= {"platform.name", "uptime", "backups.region"}
    assert (
        "the database lives in that region" in found["backups.region"] or "files" in found["backups.region"]
    )
    assert "backups.lock_mode" not in found  # whether it is production is not known


def test_the_committed_schema_is_that_of_the_models() -> None:
    committed = json.loads((CHECKOUT / "settings.schema.json").read_text())
    assert committed == document(), "run: python -m components.settings.schema > settings.schema.json"


@pytest.mark.parametrize("stack", ["prod", "local"])
def test_an_editor_accepts_the_committed_files(stack: str) -> None:
    jsonschema.validate(stack_file(stack), document())


@pytest.mark.parametrize(
    "damage",
    [
        lambda config: config["bulwark:stores"]["database"].update(histroy=1),
        lambda config: config["bulwark:uptime"].update(interval_seconds="60"),
        lambda config: config.pop("bulwark:platform"),
        lambda config: config.update({"bulwark:files_access_key_id": "a key in clear"}),
    ],
)
def test_an_editor_marks_a_wrong_setting(damage: Damage) -> None:
    content = stack_file("prod")
    damage(content["config"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, document())


def test_an_editor_accepts_an_encrypted_secret() -> None:
    content = stack_file("prod")
    content["config"]["bulwark:files_access_key_id"] = {"secure": "v1:abc"}
    jsonschema.validate(content, document())


def test_no_job_of_staging_can_take_on_a_role_of_production() -> None:
    config = stack_file("staging")["config"]
    staging = load({key.removeprefix(f"{PROJECT}:"): block for key, block in config.items()})
    environments = [
        set(settings.vaults.role_environments.values()) for settings in (staging, load(production()))
    ]
    assert not environments[0] & environments[1]
    assert all(name.startswith("staging") for name in environments[0])


def test_a_wrong_store_is_one_problem_and_hides_none_of_another_store() -> None:
    blocks = production()
    blocks["stores"]["files"]["type"] = "gcs"
    assert list(find_problems(blocks)) == ["stores.files.type"]
    blocks["stores"]["database"]["history_retention_hours"] = 999
    assert set(find_problems(blocks)) == {"stores.files.type", "stores.database.history_retention_hours"}


def test_a_store_has_its_own_objectives_and_else_the_platforms() -> None:
    blocks = production()
    blocks["stores"]["files"]["objectives"] = {
        "recovery_time_minutes": 240,
        "independent_recovery_point_hours": 100,
    }
    blocks["stores"]["files"]["backup"]["schedule"] = "47 2 * * 1,3,5,6"
    settings = load(blocks)
    of_files, rest = settings.objectives_of("files"), settings.platform.objectives
    assert (of_files.recovery_time_minutes, of_files.independent_recovery_point_hours) == (240, 100)
    assert of_files.critical_recovery_time_minutes == rest.critical_recovery_time_minutes
    assert settings.objectives_of("database") == settings.objectives_of("state") == rest
    assert drill_objectives(settings, "files").recovery == 240 * 60
    assert drill_objectives(settings, "database").recovery == 3600
