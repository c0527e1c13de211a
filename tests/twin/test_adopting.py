"""What exists at the vendors is looked for over their HTTP APIs; here those of a twin, one for all tests."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aws_twin
import httpx
import pytest
from clusters import reachable_home
from vendor_process import FAST, process, serving

from cli.adoption import neon, uptimerobot, vault
from cli.adoption.api import Api, pause_seconds
from cli.adoption.finding import Finding, looked_for
from cli.adoption.search import SearchResult, search
from components.secrets import PROVIDER_TOKENS
from components.settings import SentryService, Settings
from components.settings.database import AdoptedProject
from engine import stack_target
from engine.vendor_errors import VENDORS
from recovery.vault.client import AccessKey, client
from twin.host.home import TwinHome
from twin.host.tls import ensure_certificates
from twin.neon.model import Neon
from twin.plugin_install import addresses
from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot
from twin.vendor import faults
from twin.vendor.faults import Fault

SPACE = stack_target.find("prod", on_twin=False)
BUCKET = "example-vault-123456789012-eu-west-1"
API = "https://api.example.com"
SETTINGS = {
    "database.adopt",
    "uptime.adopt.health",
    "uptime.adopt.version",
    "uptime.adopt.frontend",
    "errors.adopt_team",
    "errors.services.backend.adopt",
    "errors.services.frontend.adopt",
    "backups.adopt",
}


@dataclass
class Account:
    """All vendors of one twin, and what a test made there."""

    home: TwinHome
    aws: aws_twin.Service
    neon: Neon = field(init=False)
    robot: UptimeRobot = field(init=False)
    sentry: Sentry = field(init=False)

    def __post_init__(self) -> None:
        self.neon, self.robot, self.sentry = Neon(self.home), UptimeRobot(self.home), Sentry(self.home)

    def search(
        self,
        settings: Settings = SPACE.settings,
        *,
        known: Mapping[str, str] | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> SearchResult:
        own = {name: self.home.secret(name) for name in PROVIDER_TOKENS}
        return search(replace(SPACE, settings=settings, twin=self.home), {**own, **(keys or {})}, known or {})

    def project(self, name: str = "example-production", **wanted: Any) -> str:
        made, _ = self.neon.create(
            "project",
            {
                "name": name,
                "orgId": "org-example-00000000",
                "regionId": "aws-eu-central-1",
                "pgVersion": 17,
                "branch": {"name": "main", "roleName": "platform_owner", "databaseName": "platform"},
                **wanted,
            },
        )
        return made

    def monitor(self, url: str, type_: str = "HTTP", name: str = "old", **wanted: Any) -> int:
        keyword = {
            "keywordType": "ALERT_NOT_EXISTS",
            "keywordCaseType": "CaseSensitive",
            "keywordValue": "ok",
        }
        made, _ = self.robot.create(
            "monitor",
            {
                "name": name,
                "type": type_,
                "url": url,
                "interval": 60,
                **(keyword if type_ == "KEYWORD" else {}),
                **wanted,
            },
        )
        return int(made)

    def team(self, name: str, slug: str) -> None:
        self.sentry.create("team", {"organization": "example", "name": name, "slug": slug})

    def sentry_project(self, name: str, slug: str) -> None:
        project = {"name": name, "slug": slug, "teams": ["platform"], "platform": "other"}
        self.sentry.create("project", {"organization": "example", **project})

    def bucket(self, *, locked: bool = True, region: str = "eu-west-1") -> None:
        self.aws.client("s3", region).create_bucket(
            Bucket=BUCKET,
            ObjectLockEnabledForBucket=locked,
            CreateBucketConfiguration={"LocationConstraint": region},
        )

    def clear(self) -> None:
        """Leave nothing at UptimeRobot, Sentry and S3; Neon's projects, which take seconds, stay."""
        for monitor in self.robot.every("monitor"):
            self.robot.delete("monitor", monitor)
        for kind in ("project", "team"):
            for found in self.sentry.every(kind).values():
                self.sentry.delete(kind, f"example/{found['slug']}")
        for model in (self.neon, self.robot, self.sentry):
            faults.cancel(model.store, model.vendor)
        s3 = self.aws.client("s3", "eu-west-1")
        for found in s3.list_buckets()["Buckets"]:
            s3.delete_bucket(Bucket=found["Name"])


@pytest.fixture(scope="module")
def running() -> Iterator[Account]:
    with reachable_home() as home:
        ensure_certificates(home)
        with aws_twin.running(home.root) as aws, process(home, FAST):
            account = Account(home, aws)
            yield account
            for _, cluster in account.neon.clusters():
                cluster.destroy()
            for model in (account.neon, account.robot, account.sentry):
                model.store.close()


@pytest.fixture
def account(running: Account) -> Iterator[Account]:
    yield running
    running.clear()


@pytest.fixture(scope="module")
def project(running: Account) -> str:
    """Give the id of the project that all tests find."""
    return running.project()


def statuses(found: SearchResult) -> dict[str, str]:
    return {".".join(one.path): one.status for one in found.findings}


def at(found: SearchResult, setting: str) -> Finding:
    (one,) = [one for one in found.findings if ".".join(one.path) == setting]
    return one


def changed(**blocks: dict[str, Any]) -> Settings:
    """Return production's settings with some changed."""
    settings = SPACE.settings
    changes = {name: getattr(settings, name).model_copy(update=block) for name, block in blocks.items()}
    return settings.model_copy(update=changes)


def test_where_nothing_exists_nothing_is_written(account: Account) -> None:
    found = account.search(changed(database={"project": "another"}))
    assert found.failures == []
    assert statuses(found) == dict.fromkeys(SETTINGS, "missing")


def test_what_exists_is_found_by_its_name_with_the_setting_that_takes_it_over(
    account: Account, project: str
) -> None:
    branch = account.neon.default_branch(project)
    health = account.monitor(f"{API}/health", "KEYWORD")
    frontend = account.monitor("https://app.example.com")  # the stack's address ends in a slash
    account.team("Platform", "platform")
    account.sentry_project("backend", "backend")
    account.bucket()

    found = account.search()
    assert found.failures == []
    values = {".".join(one.path): one.value for one in found.findings if one.status == "found"}
    assert values == {
        "database.adopt": {"project": project, "branch": branch, "roles": ["owner"]},
        "uptime.adopt.health": health,
        "uptime.adopt.frontend": frontend,
        "errors.adopt_team": True,
        "errors.services.backend.adopt": "backend",
        "backups.adopt": BUCKET,
    }
    assert {name for name, status in statuses(found).items() if status != "found"} == {
        "uptime.adopt.version",
        "errors.services.frontend.adopt",
    }
    # The settings that say so are good, and another look finds them kept.
    adopted = changed(
        database={"adopt": database_adopt(values["database.adopt"])},
        uptime={"adopt": {"health": health, "frontend": frontend}},
        errors={"adopt_team": True, "services": services(backend="backend")},
        backups={"adopt": BUCKET},
    )
    assert {statuses(account.search(adopted))[name] for name in values} == {"set"}


def test_at_the_vendors_they_are_asked_where_their_own_providers_would_ask_them(
    account: Account, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = account.monitor(f"{API}/api/version")
    account.team("Platform", "platform")
    account.bucket()
    aws = {"AWS_ENDPOINT_URL": account.aws.url, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    for name, value in {**addresses(account.home), **aws}.items():
        monkeypatch.setenv(name, value)
    own = {name: account.home.secret(name) for name in PROVIDER_TOKENS}
    found = search(SPACE, own, {})
    assert [at(found, setting).id for setting in sorted(SETTINGS)] == [
        *(BUCKET, project, "platform", "", "", "", "", str(monitor))
    ]

    monkeypatch.setenv("AWS_PROFILE", "nobody")
    (failure,) = map(str, search(SPACE, own, {}).failures)
    assert "there are no credentials for the vault, or not all of them" in failure


def database_adopt(value: dict[str, Any]) -> AdoptedProject:
    return AdoptedProject.model_validate_json(json.dumps(value))


def services(**adopted: str) -> dict[str, SentryService]:
    """Return production's services, some of which take over a project."""
    every = SPACE.settings.errors.services
    return {slug: one.model_copy(update={"adopt": adopted.get(slug)}) for slug, one in every.items()}


def test_roles_that_exist_are_taken_over_with_the_project(account: Account, project: str) -> None:
    owner = account.search(changed(database={"application_role": "neondb_owner"}))
    assert at(owner, "database.adopt").value["roles"] == ["owner"]
    where = {"projectId": project, "branchId": account.neon.default_branch(project)}
    role, _ = account.neon.create("role", {**where, "name": "platform_backup"})
    assert at(account.search(), "database.adopt").value["roles"] == ["owner", "backup"]
    account.neon.delete("role", role)


def test_what_the_stack_has_already_is_not_offered_and_its_vendor_not_asked(account: Account) -> None:
    resources = (
        "database-project",
        *(f"uptime-{check}" for check in ("health", "version", "frontend")),
        *("errors-team", "errors-backend-project", "errors-frontend-project", "backups-vault-bucket"),
    )
    known = {resource: f"id of {resource}" for resource in resources}
    found = account.search(known=known, keys=dict.fromkeys(PROVIDER_TOKENS, "wrong"))
    assert (statuses(found), found.failures) == (dict.fromkeys(SETTINGS, "managed"), [])
    assert {one.id for one in found.findings} == set(known.values())


def test_several_of_the_same_name_are_listed_and_none_is_chosen(
    account: Account, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitors = {str(account.monitor(f"{API}/health", "KEYWORD")) for _ in range(2)}
    account.monitor(f"{API}/health", "PING")  # which could not be taken over anyway
    second = account.project()
    monkeypatch.setattr(neon, "_PAGE_ITEMS", "1")  # so that they are on two pages
    found = account.search()
    account.neon.delete("project", second)
    assert set(at(found, "uptime.adopt.health").candidates) == monitors
    assert set(at(found, "database.adopt").candidates) == {project, second}
    for setting in ("uptime.adopt.health", "database.adopt"):
        one = at(found, setting)
        assert (one.status, one.value) == ("ambiguous", None)
        assert "write the right one into the setting" in one.told


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"region": "aws-us-east-1"}, "region is aws-us-east-1 in the settings and aws-eu-central-1 there"),
        ({"postgres_version": 16}, "postgres_version is 16 in the settings and 17 there"),
        ({"database": "other"}, "it has no database other (there: platform)"),
        ({"owner_role": "boss"}, "its database belongs to platform_owner, not boss"),
    ],
)
def test_a_project_that_would_be_replaced_or_can_not_be_imported_is_refused(
    account: Account, project: str, block: dict[str, Any], told: str
) -> None:
    one = at(account.search(changed(database=block)), "database.adopt")
    assert (one.status, one.id, one.value) == ("unfit", project, None)
    assert told in one.told
    assert "write" in one.told


def test_a_monitor_of_another_type_is_refused_for_it_would_be_replaced(account: Account) -> None:
    monitor = account.monitor(f"{API}/health", "HTTP")
    one = at(account.search(), "uptime.adopt.health")
    assert (one.status, one.id) == ("unfit", str(monitor))
    assert "of the type HTTP, which can't become KEYWORD" in one.told


def test_a_monitor_is_found_by_its_name_only_if_none_watches_the_address(account: Account) -> None:
    by_name = account.monitor("https://old.example.com/version", name="example version")
    account.monitor(f"{API}/health", "KEYWORD", name="example frontend")
    found = account.search()
    one = at(found, "uptime.adopt.version")
    assert (one.status, one.value) == ("found", by_name)
    assert "it watches https://old.example.com/version, until `up`" in one.told
    # It has the frontend's name, and is the one of /health.
    assert at(found, "uptime.adopt.frontend").status == "missing"
    by_address = account.monitor(f"{API}/api/version")
    assert at(account.search(), "uptime.adopt.version").value == by_address


def test_a_team_of_another_slug_is_named_with_the_slug_to_write(account: Account) -> None:
    account.team("Platform", "platform-team")
    one = at(account.search(), "errors.adopt_team")
    assert (one.status, one.told) == ("unfit", "its slug is another one: write `team: platform-team`.")


def test_a_sentry_project_of_another_slug_is_taken_over_by_its_own(account: Account) -> None:
    account.team("Platform", "platform")
    account.sentry_project("backend", "api-2019")
    one = at(account.search(), "errors.services.backend.adopt")
    assert (one.status, one.value) == ("found", "api-2019")
    assert "its slug becomes backend" in one.told


def test_a_bucket_that_is_no_vault_is_refused(account: Account) -> None:
    account.bucket(locked=False)
    one = at(account.search(), "backups.adopt")
    assert (one.status, one.id) == ("unfit", BUCKET)
    assert "no Object Lock" in one.told


def test_a_bucket_in_another_region_is_refused(account: Account) -> None:
    account.bucket(region="eu-west-3")
    one = at(account.search(), "backups.adopt")
    assert one.status == "unfit"
    assert "eu-west-3" in one.told


def test_settings_that_name_what_is_not_there_are_told(account: Account, project: str) -> None:
    branch = account.neon.default_branch(project)
    lost = changed(
        database={"adopt": database_adopt({"project": "gone-1", "branch": "br-1"})},
        uptime={"adopt": {"health": 4}},
        errors={"adopt_team": True, "services": services(backend="gone")},
        backups={"adopt": "gone-bucket"},
    )
    found = account.search(lost)
    assert found.failures == []
    for setting in (
        SETTINGS - {"uptime.adopt.version", "uptime.adopt.frontend"} - {"errors.services.frontend.adopt"}
    ):
        one = at(found, setting)
        assert one.status == "unfit"
        assert one.told == "the setting names what is not there: correct it, or remove it."
    wrong = database_adopt({"project": project, "branch": branch, "roles": ["owner", "backup"]})
    one = at(account.search(changed(database={"adopt": wrong})), "database.adopt")
    assert one.status == "unfit"
    assert f"should be {{ project: {project}, branch: {branch}, roles: [owner] }}: correct it" in one.told


def test_an_account_is_read_to_its_last_page(account: Account, project: str) -> None:
    for number in range(51):
        account.monitor(f"https://{number}.example.com")
    last = account.monitor(f"{API}/api/version")
    for number in range(101):
        account.team(f"team {number}", f"team-{number}")
    account.team("Platform", "platform")
    found = account.search()
    assert at(found, "uptime.adopt.version").value == last
    assert at(found, "errors.adopt_team").status == "found"
    assert at(found, "database.adopt").id == project


@pytest.mark.parametrize(
    ("key", "cause"),
    [
        pytest.param("", "There is no key for {vendor}: the secret {secret} is missing.", id="none"),
        pytest.param(
            "planted-key",
            "{vendor} does not accept the key: The API key is not valid (HTTP 401).",
            id="wrong",
        ),
        pytest.param("plänted", "The key for {vendor} has letters that no key has.", id="torn"),
    ],
)
def test_a_bad_key_is_named_with_the_secret_to_set_and_keeps_nobody_from_the_others(
    account: Account, key: str, cause: str
) -> None:
    account.bucket()
    found = account.search(keys=dict.fromkeys(PROVIDER_TOKENS, key))
    for (vendor, secret), failure in zip(
        {"Neon": "neon_api_key", "UptimeRobot": "uptimerobot_api_key", "Sentry": "sentry_auth_token"}.items(),
        map(str, found.failures),
        strict=True,
    ):
        assert cause.format(vendor=vendor, secret=secret) in failure
        assert f"`pulumi config set --secret bulwark:{secret}`, or set BULWARK_{secret.upper()}." in failure
        assert not key or key not in failure
    assert statuses(found) == {**dict.fromkeys(SETTINGS, "unknown"), "backups.adopt": "found"}


def test_a_vendor_that_fails_is_named_with_its_own_words_and_without_the_key(account: Account) -> None:
    key = account.home.secret("uptimerobot_api_key")
    fault = Fault("GET", "/v3/monitors", 503, f"Having a rest, {key}.")
    faults.plan(account.robot.store, "uptimerobot", fault)
    (failure,) = map(str, account.search().failures)
    assert "bulwark: UptimeRobot fails: Having a rest, [secret] (HTTP 503).\n" in failure
    assert "Next: see status.uptimerobot.com, and run this again." in failure


def test_a_vendor_that_asks_for_patience_is_asked_again(account: Account) -> None:
    monitor = account.monitor(f"{API}/api/version")
    busy = Fault("GET", "/v3/monitors", 429, "Slow down.", {"Retry-After": "0"}, times=3)
    faults.plan(account.robot.store, "uptimerobot", busy)
    found = account.search()
    assert (at(found, "uptime.adopt.version").value, found.failures) == (monitor, [])

    faults.plan(account.robot.store, "uptimerobot", replace(busy, times=4))
    (failure,) = map(str, account.search().failures)
    assert "UptimeRobot takes no more requests for now: Slow down (HTTP 429)." in failure


def test_the_wait_is_as_long_as_the_vendor_says_up_to_two_minutes() -> None:
    now = datetime(2029, 12, 1, 10, 0, 0, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=7), usegmt=True)
    waits = {"3": 3, "0": 0, "-1": 0, "9999": 120, later: 7, None: 10, "soon": 10}
    assert {said: pause_seconds(said, now) for said in waits} == waits


def test_an_organization_that_the_key_does_not_know_is_named_as_the_setting(account: Account) -> None:
    faults.plan(
        account.sentry.store, "sentry", Fault("GET", "/api/0/organizations/example/teams/", 404, "No such.")
    )
    (failure,) = map(str, account.search().failures)
    assert "Sentry has no such list for this key: No such (HTTP 404)." in failure
    assert "check `organization` in bulwark:errors" in failure


def test_an_answer_that_breaks_off_or_is_no_json_is_told(account: Account) -> None:
    faults.plan(account.robot.store, "uptimerobot", Fault("GET", "/v3/monitors", cut=True))
    (failure,) = map(str, account.search().failures)
    assert "bulwark: UptimeRobot can't be reached: " in failure
    with serving() as portal, httpx.Client(base_url=portal.url, trust_env=False) as through:
        portal.body = "<p>Please log in to this network.</p>"
        things = uptimerobot.things(Api(VENDORS["uptimerobot"], through, "k"), SPACE.settings)
        _, failed = looked_for(things, {})
    assert "UptimeRobot answers /monitors in a way that is not its API's." in str(failed)
    assert "see whether a proxy is in between" in str(failed)


def test_what_can_not_be_reached_is_told_without_the_key() -> None:
    nobody = "http://127.0.0.1:1"
    with httpx.Client(base_url=nobody, trust_env=False) as away:
        _, failed = looked_for(neon.things(Api(VENDORS["neon"], away, "planted-key"), SPACE.settings), {})
    assert "bulwark: Neon can't be reached: " in str(failed)
    assert "see neonstatus.com, the network and the proxy (HTTPS_PROXY)" in str(failed)
    assert "planted-key" not in str(failed)
    s3 = client("eu-west-1", nobody, attempts=1, key=AccessKey("k", "planted-secret"))
    findings, failed = looked_for(vault.things(lambda: s3, SPACE.settings), {})
    assert [one.status for one in findings] == ["unknown"]
    assert f"Looking for the bucket {BUCKET} failed: the vault can't be reached" in str(failed)
