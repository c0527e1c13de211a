"""Existing resources are searched over the vendors' HTTP APIs; here over those of one twin for all tests."""

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
from vendor_process import FAST, running_vendors, serving_target

from cli.adoption import neon, uptimerobot, vault
from cli.adoption.finding import Finding, find_existing
from cli.adoption.search import SearchResult, search
from components.secrets import TOKEN_VARIABLES
from components.settings import SentryService, Settings
from components.settings.database import AdoptedProject
from engine.targets import find_target
from engine.twin import TwinTarget
from engine.vendor_errors import VENDORS
from live import neon as live_neon
from live.vendor_api import Api, pause_seconds
from recovery.vault.client import AccessKey, create_client
from twin.aws.administrator import administrator_key
from twin.host.home import TwinHome
from twin.host.tls import ensure_certificates
from twin.neon.model import Neon
from twin.plugin_install import vendor_environment
from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot
from twin.vendor import faults
from twin.vendor.faults import Fault

pytestmark = pytest.mark.shares("adopting")

TARGET = find_target("prod", on_twin=False)
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
    """All vendors of one twin, with methods that create resources there."""

    home: TwinHome
    aws: aws_twin.Service
    neon: Neon = field(init=False)
    robot: UptimeRobot = field(init=False)
    sentry: Sentry = field(init=False)

    def __post_init__(self) -> None:
        self.neon, self.robot, self.sentry = Neon(self.home), UptimeRobot(self.home), Sentry(self.home)

    def search(
        self,
        settings: Settings = TARGET.settings,
        *,
        known: Mapping[str, str] | None = None,
        tokens: Mapping[str, str] | None = None,
    ) -> SearchResult:
        own = {name: self.home.secret(name) for name in TOKEN_VARIABLES}
        return search(
            TwinTarget("prod", settings, "stand-in", self.home), {**own, **(tokens or {})}, known or {}
        )

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
        """Remove everything at UptimeRobot, Sentry and S3. Neon's projects, which take seconds, stay."""
        for monitor in self.robot.list_objects("monitor"):
            self.robot.delete("monitor", monitor)
        for kind in ("project", "team"):
            for result in self.sentry.list_objects(kind).values():
                self.sentry.delete(kind, f"example/{result['slug']}")
        for model in (self.neon, self.robot, self.sentry):
            faults.cancel(model.store, model.vendor)
        s3 = self.aws.client("s3", "eu-west-1")
        for result in s3.list_buckets()["Buckets"]:
            s3.delete_bucket(Bucket=result["Name"])


@pytest.fixture(scope="module")
def accounts() -> Iterator[Account]:
    with reachable_home() as home:
        ensure_certificates(home)
        with aws_twin.running_service(home.root) as aws, running_vendors(home, FAST):
            account = Account(home, aws)
            yield account
            for _, cluster in account.neon.list_clusters():
                cluster.destroy()
            for model in (account.neon, account.robot, account.sentry):
                model.store.close()


@pytest.fixture
def account(accounts: Account) -> Iterator[Account]:
    yield accounts
    accounts.clear()


@pytest.fixture(scope="module")
def project(accounts: Account) -> str:
    """Give the id of the project that all tests find."""
    return accounts.project()


def statuses(found: SearchResult) -> dict[str, str]:
    return {".".join(finding.path): finding.status for finding in found.findings}


def finding_of(found: SearchResult, setting: str) -> Finding:
    (finding,) = [finding for finding in found.findings if ".".join(finding.path) == setting]
    return finding


def change_settings(**blocks: dict[str, Any]) -> Settings:
    """Return production's settings with some changed."""
    settings = TARGET.settings
    changes = {name: getattr(settings, name).model_copy(update=block) for name, block in blocks.items()}
    return settings.model_copy(update=changes)


def test_in_empty_accounts_nothing_is_found(account: Account) -> None:
    result = account.search(change_settings(database={"project": "another"}))
    assert result.failures == []
    assert statuses(result) == dict.fromkeys(SETTINGS, "missing")


def test_existing_resources_are_found_by_name_with_the_setting_that_adopts_them(
    account: Account, project: str
) -> None:
    branch = account.neon.find_default_branch(project)
    health = account.monitor(f"{API}/health", "KEYWORD")
    frontend = account.monitor("https://app.example.com")  # the stack's address ends in a slash
    account.team("Platform", "platform")
    account.sentry_project("backend", "backend")
    account.bucket()

    result = account.search()
    assert result.failures == []
    values = {
        ".".join(finding.path): finding.value for finding in result.findings if finding.status == "found"
    }
    assert values == {
        "database.adopt": {"project": project, "branch": branch, "roles": ["owner"]},
        "uptime.adopt.health": health,
        "uptime.adopt.frontend": frontend,
        "errors.adopt_team": True,
        "errors.services.backend.adopt": "backend",
        "backups.adopt": BUCKET,
    }
    assert {name for name, status in statuses(result).items() if status != "found"} == {
        "uptime.adopt.version",
        "errors.services.frontend.adopt",
    }
    # Settings with these values are valid, and another search reports them as set.
    adopted = change_settings(
        database={"adopt": adopted_project(values["database.adopt"])},
        uptime={"adopt": {"health": health, "frontend": frontend}},
        errors={"adopt_team": True, "services": adopt_projects(backend="backend")},
        backups={"adopt": BUCKET},
    )
    assert {statuses(account.search(adopted))[name] for name in values} == {"set"}


def test_the_vendors_apis_are_called_at_the_addresses_that_their_providers_use(
    account: Account, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = account.monitor(f"{API}/api/version")
    account.team("Platform", "platform")
    account.bucket()
    key = administrator_key(account.home)
    aws = {
        "AWS_ENDPOINT_URL": account.aws.url,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
    }
    for name, value in {**vendor_environment(account.home), **aws}.items():
        monkeypatch.setenv(name, value)
    own = {name: account.home.secret(name) for name in TOKEN_VARIABLES}
    result = search(TARGET, own, {})
    assert [finding_of(result, setting).id for setting in sorted(SETTINGS)] == [
        *(BUCKET, project, "platform", "", "", "", "", str(monitor))
    ]

    monkeypatch.setenv("AWS_PROFILE", "nobody")
    (failure,) = map(str, search(TARGET, own, {}).failures)
    assert "there are no credentials for the vault, or not all of them" in failure


def adopted_project(value: dict[str, Any]) -> AdoptedProject:
    return AdoptedProject.model_validate_json(json.dumps(value))


def adopt_projects(**adopted: str) -> dict[str, SentryService]:
    """Return production's services; those given adopt a Sentry project."""
    every = TARGET.settings.errors.services
    return {slug: finding.model_copy(update={"adopt": adopted.get(slug)}) for slug, finding in every.items()}


def test_existing_roles_are_adopted_with_their_project(account: Account, project: str) -> None:
    owner = account.search(change_settings(database={"application_role": "neondb_owner"}))
    assert finding_of(owner, "database.adopt").value["roles"] == ["owner"]
    where = {"projectId": project, "branchId": account.neon.find_default_branch(project)}
    role, _ = account.neon.create("role", {**where, "name": "platform_backup"})
    assert finding_of(account.search(), "database.adopt").value["roles"] == ["owner", "backup"]
    account.neon.delete("role", role)


def test_resources_of_the_stack_are_not_offered_and_their_vendors_not_asked(account: Account) -> None:
    resources = (
        "database-project",
        *(f"uptime-{check}" for check in ("health", "version", "frontend")),
        *("errors-team", "errors-backend-project", "errors-frontend-project", "backups-vault-bucket"),
    )
    known = {resource: f"id of {resource}" for resource in resources}
    result = account.search(known=known, tokens=dict.fromkeys(TOKEN_VARIABLES, "wrong"))
    assert (statuses(result), result.failures) == (dict.fromkeys(SETTINGS, "managed"), [])
    assert {finding.id for finding in result.findings} == set(known.values())


def test_several_resources_of_the_same_name_are_listed_and_none_is_chosen(
    account: Account, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitors = {str(account.monitor(f"{API}/health", "KEYWORD")) for _ in range(2)}
    account.monitor(f"{API}/health", "PING")  # which could not be taken over anyway
    second = account.project()
    monkeypatch.setattr(live_neon, "_PAGE_ITEMS", "1")  # so that they are on two pages
    result = account.search()
    account.neon.delete("project", second)
    assert set(finding_of(result, "uptime.adopt.health").candidates) == monitors
    assert set(finding_of(result, "database.adopt").candidates) == {project, second}
    for setting in ("uptime.adopt.health", "database.adopt"):
        finding = finding_of(result, setting)
        assert (finding.status, finding.value) == ("ambiguous", None)
        assert "write the right one into the setting" in finding.note


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({"region": "aws-us-east-1"}, "region is aws-us-east-1 in the settings and aws-eu-central-1 there"),
        ({"postgres_version": 16}, "postgres_version is 16 in the settings and 17 there"),
        ({"database": "other"}, "it has no database other (there: platform)"),
        ({"owner_role": "boss"}, "its database belongs to platform_owner, not boss"),
    ],
)
def test_a_project_that_would_be_replaced_or_can_not_be_imported_is_refused(
    account: Account, project: str, block: dict[str, Any], reason: str
) -> None:
    finding = finding_of(account.search(change_settings(database=block)), "database.adopt")
    assert (finding.status, finding.id, finding.value) == ("unfit", project, None)
    assert reason in finding.note
    assert "write" in finding.note


def test_a_monitor_of_another_type_is_refused_because_it_would_be_replaced(account: Account) -> None:
    monitor = account.monitor(f"{API}/health", "HTTP")
    finding = finding_of(account.search(), "uptime.adopt.health")
    assert (finding.status, finding.id) == ("unfit", str(monitor))
    assert "of the type HTTP, which can't become KEYWORD" in finding.note


def test_a_monitor_is_found_by_its_name_only_if_none_watches_the_address(account: Account) -> None:
    by_name = account.monitor("https://old.example.com/version", name="example version")
    account.monitor(f"{API}/health", "KEYWORD", name="example frontend")
    result = account.search()
    finding = finding_of(result, "uptime.adopt.version")
    assert (finding.status, finding.value) == ("found", by_name)
    assert "it watches https://old.example.com/version, until `up`" in finding.note
    # The monitor with the frontend's name is the one of /health.
    assert finding_of(result, "uptime.adopt.frontend").status == "missing"
    by_address = account.monitor(f"{API}/api/version")
    assert finding_of(account.search(), "uptime.adopt.version").value == by_address


def test_a_team_of_another_slug_is_named_with_the_slug_to_write(account: Account) -> None:
    account.team("Platform", "platform-team")
    finding = finding_of(account.search(), "errors.adopt_team")
    assert (finding.status, finding.note) == (
        "unfit",
        "its slug is another one: write `team: platform-team`.",
    )


def test_a_sentry_project_of_another_slug_is_adopted_by_its_own_slug(account: Account) -> None:
    account.team("Platform", "platform")
    account.sentry_project("backend", "api-2019")
    finding = finding_of(account.search(), "errors.services.backend.adopt")
    assert (finding.status, finding.value) == ("found", "api-2019")
    assert "its slug becomes backend" in finding.note


def test_a_bucket_that_is_no_vault_is_refused(account: Account) -> None:
    account.bucket(locked=False)
    finding = finding_of(account.search(), "backups.adopt")
    assert (finding.status, finding.id) == ("unfit", BUCKET)
    assert "no Object Lock" in finding.note


def test_a_bucket_in_another_region_is_refused(account: Account) -> None:
    account.bucket(region="eu-west-3")
    finding = finding_of(account.search(), "backups.adopt")
    assert finding.status == "unfit"
    assert "eu-west-3" in finding.note


def test_adopt_settings_that_name_a_missing_resource_are_reported(account: Account, project: str) -> None:
    branch = account.neon.find_default_branch(project)
    lost = change_settings(
        database={"adopt": adopted_project({"project": "gone-1", "branch": "br-1"})},
        uptime={"adopt": {"health": 4}},
        errors={"adopt_team": True, "services": adopt_projects(backend="gone")},
        backups={"adopt": "gone-bucket"},
    )
    result = account.search(lost)
    assert result.failures == []
    for setting in (
        SETTINGS - {"uptime.adopt.version", "uptime.adopt.frontend"} - {"errors.services.frontend.adopt"}
    ):
        finding = finding_of(result, setting)
        assert finding.status == "unfit"
        assert finding.note == "the setting names what is not there: correct it, or remove it."
    wrong = adopted_project({"project": project, "branch": branch, "roles": ["owner", "backup"]})
    finding = finding_of(account.search(change_settings(database={"adopt": wrong})), "database.adopt")
    assert finding.status == "unfit"
    assert f"should be {{ project: {project}, branch: {branch}, roles: [owner] }}: correct it" in finding.note


def test_lists_of_an_account_are_read_to_their_last_page(account: Account, project: str) -> None:
    for number in range(51):
        account.monitor(f"https://{number}.example.com")
    last = account.monitor(f"{API}/api/version")
    for number in range(101):
        account.team(f"team {number}", f"team-{number}")
    account.team("Platform", "platform")
    result = account.search()
    assert finding_of(result, "uptime.adopt.version").value == last
    assert finding_of(result, "errors.adopt_team").status == "found"
    assert finding_of(result, "database.adopt").id == project


@pytest.mark.parametrize(
    ("key", "cause"),
    [
        pytest.param("", "There is no key for {vendor}: {variable} is not set.", id="none"),
        pytest.param(
            "planted-key",
            "{vendor} does not accept the key: The API key is not valid (HTTP 401).",
            id="wrong",
        ),
        pytest.param("plänted", "The key for {vendor} has letters that no key has.", id="torn"),
    ],
)
def test_a_bad_api_key_is_named_with_the_variable_to_set_and_the_other_vendors_are_searched(
    account: Account, key: str, cause: str
) -> None:
    account.bucket()
    result = account.search(tokens=dict.fromkeys(TOKEN_VARIABLES, key))
    for (vendor, variable), failure in zip(
        {"Neon": "NEON_API_KEY", "UptimeRobot": "UPTIMEROBOT_API_KEY", "Sentry": "SENTRY_AUTH_TOKEN"}.items(),
        map(str, result.failures),
        strict=True,
    ):
        assert cause.format(vendor=vendor, variable=variable) in failure
        assert f"set {variable}." in failure
        assert not key or key not in failure
    assert statuses(result) == {**dict.fromkeys(SETTINGS, "unknown"), "backups.adopt": "found"}


def test_a_vendor_that_fails_is_named_with_its_own_words_and_without_the_key(account: Account) -> None:
    key = account.home.secret("UPTIMEROBOT_API_KEY")
    fault = Fault("GET", "/v3/monitors", 503, f"Having a rest, {key}.")
    faults.plan(account.robot.store, "uptimerobot", fault)
    (failure,) = map(str, account.search().failures)
    assert "bulwark: UptimeRobot fails: Having a rest, [secret] (HTTP 503).\n" in failure
    assert "Next: see status.uptimerobot.com, and run this again." in failure


def test_a_vendor_that_asks_for_patience_is_asked_again(account: Account) -> None:
    monitor = account.monitor(f"{API}/api/version")
    busy = Fault("GET", "/v3/monitors", 429, "Slow down.", {"Retry-After": "0"}, times=3)
    faults.plan(account.robot.store, "uptimerobot", busy)
    result = account.search()
    assert (finding_of(result, "uptime.adopt.version").value, result.failures) == (monitor, [])

    faults.plan(account.robot.store, "uptimerobot", replace(busy, times=4))
    (failure,) = map(str, account.search().failures)
    assert "UptimeRobot takes no more requests for now: Slow down (HTTP 429)." in failure


def test_the_wait_is_as_long_as_the_vendor_says_up_to_two_minutes() -> None:
    now = datetime(2029, 12, 1, 10, 0, 0, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=7), usegmt=True)
    waits = {"3": 3, "0": 0, "-1": 0, "9999": 120, later: 7, None: 10, "soon": 10}
    assert {header: pause_seconds(header, now) for header in waits} == waits


def test_an_organization_that_the_key_does_not_know_is_named_as_the_setting(account: Account) -> None:
    faults.plan(
        account.sentry.store, "sentry", Fault("GET", "/api/0/organizations/example/teams/", 404, "No such.")
    )
    (failure,) = map(str, account.search().failures)
    assert "Sentry has no such list for this key: No such (HTTP 404)." in failure
    assert "check `organization` in bulwark:errors" in failure


def test_an_answer_that_breaks_off_or_is_no_json_is_reported(account: Account) -> None:
    faults.plan(account.robot.store, "uptimerobot", Fault("GET", "/v3/monitors", cut=True))
    (failure,) = map(str, account.search().failures)
    assert "bulwark: UptimeRobot can't be reached: " in failure
    with serving_target() as portal, httpx.Client(base_url=portal.url, trust_env=False) as through:
        portal.body = "<p>Please log in to this network.</p>"
        things = uptimerobot.adoptable_resources(Api(VENDORS["uptimerobot"], through, "k"), TARGET.settings)
        _, failed = find_existing(things, {})
    assert "UptimeRobot answers /monitors in a way that is not its API's." in str(failed)
    assert "see whether a proxy is in between" in str(failed)


def test_a_vendor_that_cannot_be_reached_is_reported_without_the_key() -> None:
    nobody = "http://127.0.0.1:1"
    with httpx.Client(base_url=nobody, trust_env=False) as away:
        _, failed = find_existing(
            neon.adoptable_resources(Api(VENDORS["neon"], away, "planted-key"), TARGET.settings), {}
        )
    assert "bulwark: Neon can't be reached: " in str(failed)
    assert "see neonstatus.com, the network and the proxy (HTTPS_PROXY)" in str(failed)
    assert "planted-key" not in str(failed)
    s3 = create_client("eu-west-1", nobody, attempts=1, access_key=AccessKey("k", "planted-secret"))
    findings, failed = find_existing(vault.adoptable_resources(lambda: s3, TARGET.settings), {})
    assert [finding.status for finding in findings] == ["unknown"]
    assert f"Looking for the bucket {BUCKET} failed: the vault can't be reached" in str(failed)
