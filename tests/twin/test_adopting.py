"""What a stack declares is searched at the vendors, by their HTTP APIs; here at one twin for all tests."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

import aws_twin
import httpx
import pytest
from clusters import reachable_home
from vendor_process import running_vendors, serving_target

from cli.adoption import aws, neon, uptimerobot
from cli.adoption.finding import Finding, Vendors, find_existing
from cli.adoption.search import KINDS, SearchResult, search
from cli.new_stack.inventory import Inventory, SentryOrganization, take_inventory
from cli.new_stack.proposals import propose_services, propose_stores
from components.existing import is_of_accounts
from components.secrets import TOKEN_VARIABLES
from components.settings import Settings
from components.settings.existing import ExistingSettings
from engine.targets import find_target
from engine.twin import TwinTarget
from engine.vendor_errors import VENDORS
from live import neon as live_neon
from live.aws_access import AwsAccess
from live.declared import DeclaredStack
from live.vendor_api import Api, pause_seconds
from live.vendor_apis import Apis, open_apis
from recovery.vault.client import AccessKey
from twin.aws.administrator import administrator_key
from twin.host.home import TwinHome
from twin.host.tls import ensure_certificates
from twin.neon.model import Neon
from twin.pagerduty.model import PagerDutyAccount
from twin.plugin_install import vendor_environment
from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot
from twin.vendor import faults
from twin.vendor.faults import Fault
from twin.vercel.model import VARIABLE, Vercel

pytestmark = pytest.mark.shares("adopting")

TARGET = find_target("prod", on_twin=False)
BUCKET = "example-vault-123456789012-eu-west-1"
ISSUER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
API = "https://api.example.com"
RECORDING: Final = Path(__file__).parents[1] / "policy" / "production.json"
"""What the engine told of production's programs on a first preview."""

WRITTEN_OVER: Final = frozenset(
    {
        *("cloudwatch/eventRule", "cloudwatch/eventTarget", "iam/rolePoliciesExclusive", "iam/rolePolicy"),
        *("iam/rolePolicyAttachmentsExclusive", "s3/bucketLifecycleConfiguration", "s3/bucketLogging"),
        *("s3/bucketObjectLockConfiguration", "s3/bucketOwnershipControls", "s3/bucketPolicy"),
        *("s3/bucketPublicAccessBlock", "s3/bucketReplicationConfig", "s3/bucketVersioning"),
        *("s3/bucketServerSideEncryptionConfiguration", "secretsmanager/secretVersion"),
        *("sns/topicSubscription", "index/projectOwnership", "index/projectSpikeProtection"),
    }
)
"""Types whose creation writes over what is there, or gives it back, so that none is there twice."""


def declare(**changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what production declares, as a state has it, with other inputs of those that are named."""
    recorded = json.loads(RECORDING.read_text())
    types = {one["name"]: one["type"] for one in recorded}

    def urn(name: str) -> str:
        return f"urn:pulumi:prod::bulwark::{types.get(name, '')}::{name}"

    return [
        {
            "urn": urn(one["name"]),
            "type": one["type"],
            "custom": not one["type"].startswith("bulwark:"),
            "provider": f"{urn(one.get('provider', ''))}::id",
            "inputs": {**one.get("inputs", {}), **changes.get(one["name"].replace("-", "_"), {})},
        }
        for one in recorded
    ]


DECLARED: Final = declare()
SOUGHT: Final = {
    one["urn"].rpartition("::")[2]
    for one in DECLARED
    if one["type"] in {kind.token for kinds in KINDS.values() for kind in kinds}
}
"""Names of the resources that are searched for."""

PLATFORMS: Final = frozenset(name for name in SOUGHT if not is_of_accounts(name))
"""Those of the platform's program. AWS answers slower, and is asked where a test is about it."""


@dataclass
class Account:
    """All vendors of one twin, with methods that create resources there."""

    home: TwinHome
    aws: aws_twin.Service
    neon: Neon = field(init=False)
    robot: UptimeRobot = field(init=False)
    sentry: Sentry = field(init=False)
    pagerduty: PagerDutyAccount = field(init=False)
    vercel: Vercel = field(init=False)

    def __post_init__(self) -> None:
        self.neon, self.robot, self.sentry = Neon(self.home), UptimeRobot(self.home), Sentry(self.home)
        self.pagerduty, self.vercel = PagerDutyAccount(self.home), Vercel(self.home)
        self._s3, self._iam = self.aws.client("s3", "eu-west-1"), self.aws.client("iam")

    def search(
        self,
        declared: list[dict[str, Any]] = DECLARED,
        *,
        settings: Settings = TARGET.settings,
        known: Mapping[str, str] | None = None,
        tokens: Mapping[str, str] | None = None,
        only: Collection[str] | None = PLATFORMS,
        adopt: Mapping[str, str] | None = None,
        reference: Mapping[str, str] | None = None,
    ) -> SearchResult:
        """Search for what is declared, without `only` at AWS too; `known` are ids in the state by name."""
        own = {name: self.home.secret(name) for name in TOKEN_VARIABLES.values()}
        existing = ExistingSettings(adopt=dict(adopt or {}), reference=dict(reference or {}))
        settings = settings.model_copy(update={"existing": existing})
        by_name = {one["urn"].rpartition("::")[2]: one for one in declared}
        state = [{**by_name[name], "id": id_} for name, id_ in (known or {}).items()]
        target = TwinTarget("prod", settings, "stand-in", self.home)
        return search(target, {**own, **(tokens or {})}, declared, state, only=only)

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

    def monitor(self, url: str, type_: str = "HTTP", name: str = "old", **wanted: Any) -> str:
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
        return made

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

    def issuer(self, audience: str = "sts.amazonaws.com") -> None:
        """Let the primary account trust GitHub."""
        self.aws.client("iam").create_open_id_connect_provider(
            Url="https://token.actions.githubusercontent.com", ClientIDList=[audience]
        )

    def clear_variables(self) -> None:
        for identifier in self.vercel.list_objects(VARIABLE):
            self.vercel.delete(VARIABLE, identifier)

    def clear(self) -> None:
        """Remove everything at UptimeRobot, Sentry and AWS. Neon's projects, which take seconds, stay."""
        for kind in ("monitor", "integration", "psp"):
            for identifier in self.robot.list_objects(kind):
                self.robot.delete(kind, identifier)
        for kind in ("project", "team"):
            for result in self.sentry.list_objects(kind).values():
                self.sentry.delete(kind, f"example/{result['slug']}")
        for kind in ("service", "escalationPolicy", "user"):
            for identifier in self.pagerduty.list_objects(kind):
                self.pagerduty.delete(kind, identifier)
        self.clear_variables()
        for model in (self.neon, self.robot, self.sentry, self.pagerduty):
            faults.cancel(model.store, model.vendor)
        for result in self._s3.list_buckets()["Buckets"]:
            self._s3.delete_bucket(Bucket=result["Name"])
        for issuer in self._iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            self._iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=issuer["Arn"])


@pytest.fixture(scope="module")
def accounts() -> Iterator[Account]:
    with reachable_home() as home:
        ensure_certificates(home)
        with aws_twin.running_service(home.root) as aws, running_vendors(home, speed=1):
            account = Account(home, aws)
            yield account
            for _, cluster in account.neon.list_clusters():
                cluster.destroy()
            for model in (account.neon, account.robot, account.sentry, account.pagerduty):
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
    return {finding.resource: finding.status for finding in found.findings}


def finding_of(found: SearchResult, resource: str) -> Finding:
    (finding,) = [finding for finding in found.findings if finding.resource == resource]
    return finding


def found_ids(found: SearchResult) -> dict[str, tuple[str, str]]:
    """Return resource -> setting and id, of what was found."""
    return {one.resource: (one.setting, one.id) for one in found.findings if one.status == "found"}


def test_every_type_that_is_declared_is_searched_for_or_written_over() -> None:
    types = {one["type"] for one in DECLARED if one["custom"] and not one["type"].startswith("pulumi:")}
    sought = {kind.token for kinds in KINDS.values() for kind in kinds}
    assert {one.partition(":")[2].partition(":")[0] for one in types - sought} == {
        *WRITTEN_OVER,
        "index/variableCollection",  # Railway overwrites a variable without a word
        "dynamic/bulwark",  # the application's role, which its creation takes over
    }


def test_in_empty_accounts_nothing_is_found(account: Account) -> None:
    result = account.search(declare(database_project={"name": "another"}), only=None)
    assert result.failures == []
    assert statuses(result) == dict.fromkeys(SOUGHT, "missing")


def test_a_service_at_pagerduty_is_found_with_its_policy_and_the_keys_of_that_service_alone(
    account: Account,
) -> None:
    create, urgent = account.pagerduty.create, {"escalationDelayInMinutes": 5}
    person, _ = create("user", {"email": "lead@example.com", "name": "lead"})
    rules = [{**urgent, "targets": [{"id": person, "type": "user_reference"}]}]
    policy, _ = create("escalationPolicy", {"name": "example urgent", "rules": rules})
    services = {
        name: create("service", {"name": name, "escalationPolicy": policy})[0]
        for name in ("platform-oncall", *(f"other-{number}" for number in range(30)))
    }
    keys = {
        name: create("serviceIntegration", {"name": "sentry", "service": service})[0]
        for name, service in services.items()
    }
    found = found_ids(account.search())
    assert {name: id_ for name, (_, id_) in found.items() if name.startswith("oncall-")} == {
        "oncall-urgent-policy": policy,
        "oncall-oncall-service": services["platform-oncall"],
        "oncall-oncall-sentry": f"{services['platform-oncall']}.{keys['platform-oncall']}",
    }


def test_a_variable_at_vercel_is_found_where_the_declared_one_would_meet_it(account: Account) -> None:
    [host] = [name for name in SOUGHT if name.endswith("vite-sentry-dsn")]
    [declared] = [one["inputs"] for one in DECLARED if one["urn"].endswith(f"::{host}")]
    project, team = declared["projectId"], declared["teamId"]
    account.vercel.add_project(project, team, name="frontend", port=None)

    def make(targets: list[str], **changes: Any) -> str:
        wanted = {"projectId": project, "key": declared["key"], "value": "by hand", "sensitive": True}
        made, _ = account.vercel.create(VARIABLE, {**wanted, "targets": targets, **changes})
        return made

    make(["preview"])
    make(["production"], gitBranch="release")
    assert finding_of(account.search(), host).status == "missing"
    own = make(["production"])
    result = account.search()
    assert found_ids(result)[host] == ("adopt", f"{team}/{project}/{own}")
    assert finding_of(account.search(adopt={host: f"{team}/{project}/{own}"}), host).status == "set"
    assert finding_of(account.search(known={host: own}), host).status == "managed"
    account.vercel.delete(VARIABLE, own)
    readable = make(["production"], sensitive=False)
    unfit = finding_of(account.search(), host)
    assert (unfit.status, unfit.id) == ("unfit", readable)
    assert "its sensitive is False, and True is declared" in unfit.note
    account.vercel.delete(VARIABLE, readable)
    make(["production", "development"], sensitive=False)
    unfit = finding_of(account.search(declare(**{host.replace("-", "_"): {"sensitive": False}})), host)
    assert unfit.status == "unfit"
    assert "it is for development as well" in unfit.note


def test_existing_resources_are_found_by_name_with_the_setting_that_uses_them(
    account: Account, project: str
) -> None:
    there = f"{project}/{account.neon.find_default_branch(project)}"
    health = account.monitor(f"{API}/health", "KEYWORD")
    frontend = account.monitor("https://app.example.com")  # the stack's address ends in a slash
    beat = account.robot.create(
        "monitor",
        {"name": "example recovery drill", "type": "HEARTBEAT", "interval": 3600, "gracePeriod": 60},
    )[0]
    account.team("Platform", "platform")
    account.sentry_project("backend", "backend")
    account.bucket()
    account.issuer()

    names = {*PLATFORMS, "backups-identity-github", "backups-vault-bucket"}
    result = account.search(only=names)
    assert result.failures == []
    assert found_ids(result) == {
        "backups-identity-github": ("reference", ISSUER),
        "backups-vault-bucket": ("adopt", BUCKET),
        "database-project": ("adopt", project),
        "database-role-owner": ("adopt", f"{there}/platform_owner"),
        "database-database": ("adopt", f"{there}/platform"),
        "uptime-backend-health": ("adopt", health),
        "uptime-frontend-page": ("adopt", frontend),
        "job-drill-heartbeat": ("adopt", beat),
        "errors-team": ("reference", "example/platform"),
        "errors-backend-project": ("adopt", "example/backend"),
    }
    assert {status for name, status in statuses(result).items() if name not in found_ids(result)} == {
        "missing"
    }
    # Another search reports them as set.
    adopt, reference = (
        {name: id_ for name, (setting, id_) in found_ids(result).items() if setting == wanted}
        for wanted in ("adopt", "reference")
    )
    again = statuses(account.search(only=names, adopt=adopt, reference=reference))
    assert {again[name] for name in (*adopt, *reference)} == {"set"}


def test_the_vendors_apis_are_called_at_the_addresses_that_their_providers_use(
    account: Account, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = account.monitor(f"{API}/api/version")
    account.team("Platform", "platform")
    account.bucket()
    key = administrator_key(account.home)
    variables = {
        "AWS_ENDPOINT_URL": account.aws.url,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
    }
    for name, value in {**vendor_environment(account.home), **variables}.items():
        monkeypatch.setenv(name, value)
    own = {name: account.home.secret(name) for name in TOKEN_VARIABLES.values()}
    names = ("backups-vault-bucket", "database-project", "errors-team", "uptime-backend-version")
    result = search(TARGET, own, DECLARED, [], only=names)
    assert [finding_of(result, name).id for name in names] == [BUCKET, project, "example/platform", monitor]

    monkeypatch.setenv("AWS_PROFILE", "nobody")
    (failure,) = map(str, search(TARGET, own, DECLARED, [], only=names).failures)
    assert "no credentials to ask with" in failure
    assert "sign in as an administrator of the account (AWS_PROFILE)" in failure


def test_existing_roles_are_adopted_with_their_project(account: Account, project: str) -> None:
    other = declare(database_role_owner={"name": "neondb_owner"})
    assert finding_of(account.search(other), "database-role-owner").status == "missing"
    where = {"projectId": project, "branchId": account.neon.find_default_branch(project)}
    role, _ = account.neon.create("role", {**where, "name": "platform_backup"})
    assert finding_of(account.search(), "database-role-backup").status == "found"
    account.neon.delete("role", role)


def test_resources_of_the_stack_are_not_offered(account: Account, project: str) -> None:
    health = account.monitor(f"{API}/health", "KEYWORD", name="example backend health")
    known = {"uptime-backend-health": health, "database-project": project}
    result = account.search(known=known)
    assert {name: finding_of(result, name).id for name in known} == known
    assert {statuses(result)[name] for name in known} == {"managed"}


def test_a_second_one_beside_the_stacks_own_is_named(account: Account) -> None:
    """A creation that was repeated after it took effect leaves it, and nothing else shows it."""
    account.team("Platform", "platform")
    account.sentry_project("backend", "backend")
    beat = {"name": "example recovery drill", "type": "HEARTBEAT", "interval": 3600, "gracePeriod": 60}
    beats = [account.robot.create("monitor", beat)[0] for _ in range(2)]
    where = {"organization": "example", "project": "backend", "name": "example recovery drill"}
    cron = {**where, "schedule": {"crontab": "23 4 * * 6"}}
    crons = [account.sentry.create("cronMonitor", cron)[0] for _ in range(2)]
    slugs = [account.sentry.read("cronMonitor", one)["slug"] for one in crons]  # pyrefly: ignore[unsupported-operation] - they exist
    assert slugs[0] == "example-recovery-drill" != slugs[1]
    result = account.search(known={"job-drill-heartbeat": beats[1], "job-drill-cron": crons[1]})
    for name, vendor, own, other in (
        ("job-drill-heartbeat", "UptimeRobot", beats[1], beats[0]),
        ("job-drill-cron", "Sentry", crons[1], crons[0]),
    ):
        finding = finding_of(result, name)
        assert (finding.status, finding.id, finding.candidates) == ("duplicate", own, (other,))
        assert finding.note == f"{vendor} has {other} as well: look at it, then delete it at {vendor}."


def test_several_resources_of_the_same_name_are_listed_and_none_is_chosen(
    account: Account, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitors = {account.monitor(f"{API}/health", "KEYWORD") for _ in range(2)}
    account.monitor(f"{API}/health", "PING")  # which could not be taken over anyway
    second = account.project()
    monkeypatch.setattr(live_neon, "_PAGE_ITEMS", "1")  # so that they are on two pages
    result = account.search()
    account.neon.delete("project", second)
    assert set(finding_of(result, "uptime-backend-health").candidates) == monitors
    assert set(finding_of(result, "database-project").candidates) == {project, second}
    for name in ("uptime-backend-health", "database-project"):
        finding = finding_of(result, name)
        assert (finding.status, finding.id) == ("ambiguous", "")
        assert "write the right one into the settings" in finding.note


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"regionId": "aws-us-east-1"}, "its regionId is aws-eu-central-1, and aws-us-east-1 is declared"),
        ({"pgVersion": 16.0}, "its pgVersion is 17, and 16.0 is declared"),
    ],
)
def test_a_project_that_would_be_replaced_is_refused(
    account: Account, project: str, inputs: dict[str, Any], reason: str
) -> None:
    finding = finding_of(account.search(declare(database_project=inputs)), "database-project")
    assert (finding.status, finding.id) == ("unfit", project)
    assert reason in finding.note
    assert "correct the settings" in finding.note


def test_a_database_of_another_owner_is_refused_and_one_of_another_name_is_told(
    account: Account, project: str
) -> None:
    there = f"{project}/{account.neon.find_default_branch(project)}/platform"
    owned = finding_of(account.search(declare(database_database={"ownerName": "boss"})), "database-database")
    assert (owned.status, owned.id) == ("unfit", there)
    assert "its ownerName is platform_owner, and boss is declared" in owned.note
    named = finding_of(account.search(declare(database_database={"name": "other"})), "database-database")
    assert named.status == "missing"
    assert "`up` makes it; there is platform. If that is it, write its name" in named.note


def test_a_monitor_of_another_type_is_refused_because_it_would_be_replaced(account: Account) -> None:
    monitor = account.monitor(f"{API}/health", "HTTP")
    finding = finding_of(account.search(), "uptime-backend-health")
    assert (finding.status, finding.id) == ("unfit", monitor)
    assert "its type is HTTP, and KEYWORD is declared" in finding.note


def test_a_monitor_is_found_by_its_name_only_if_none_watches_the_address(account: Account) -> None:
    by_name = account.monitor("https://old.example.com/version", name="example backend version")
    account.monitor(f"{API}/health", "KEYWORD", name="example frontend page")
    result = account.search()
    finding = finding_of(result, "uptime-backend-version")
    assert (finding.status, finding.id) == ("found", by_name)
    assert finding.note == "found by its name; its url is https://old.example.com/version, until `up`."
    # The monitor with the frontend's name is the one of /health.
    assert finding_of(result, "uptime-frontend-page").status == "missing"
    by_address = account.monitor(f"{API}/api/version")
    assert finding_of(account.search(), "uptime-backend-version").id == by_address


def test_an_integration_is_found_by_its_name_and_type(account: Account) -> None:
    hook = {"value": "https://example.com/x", "enableNotificationsFor": 1, "sslExpirationReminder": True}
    found = account.robot.create("integration", {"name": "incidents", "type": "slack", **hook})[0]
    account.robot.create(
        "integration", {"name": "automation", "type": "slack", **hook, "value": "https://example.com/y"}
    )
    result = account.search()
    assert finding_of(result, "alerting-incidents").id == found
    assert finding_of(result, "alerting-automation").status == "unfit"


def test_a_sentry_project_of_another_slug_is_adopted_by_its_own_slug(account: Account) -> None:
    account.team("Platform", "platform")
    account.sentry_project("backend", "api-2019")
    finding = finding_of(account.search(), "errors-backend-project")
    assert (finding.status, finding.id) == ("found", "example/api-2019")
    assert finding.note == "found by its name; its slug is api-2019, until `up`."


def test_a_bucket_that_is_no_vault_is_refused(account: Account) -> None:
    account.bucket(locked=False)
    finding = finding_of(account.search(only={"backups-vault-bucket"}), "backups-vault-bucket")
    assert (finding.status, finding.id) == ("unfit", BUCKET)
    assert "no Object Lock" in finding.note


def test_a_bucket_in_another_region_is_refused(account: Account) -> None:
    account.bucket(region="eu-west-3")
    finding = finding_of(account.search(only={"backups-vault-bucket"}), "backups-vault-bucket")
    assert finding.status == "unfit"
    assert "eu-west-3" in finding.note


def test_an_issuer_without_the_audience_of_aws_is_refused_with_the_command(account: Account) -> None:
    account.issuer("https://github.com/example")
    finding = finding_of(account.search(only={"backups-identity-github"}), "backups-identity-github")
    assert (finding.status, finding.id) == ("unfit", ISSUER)
    assert f"provider --open-id-connect-provider-arn {ISSUER} --client-id sts.amazonaws.com" in finding.note


def test_an_alias_of_a_key_that_is_not_the_stacks_is_refused(account: Account) -> None:
    kms = account.aws.client("kms", "eu-west-1")
    alias = "alias/example-vault-eu-west-1"
    key = kms.create_key(Description="Of somebody else")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    finding = finding_of(account.search(only={"backups-vault-key-alias"}), "backups-vault-key-alias")
    assert (finding.status, finding.id) == ("unfit", alias)
    assert f"it is of the key {key}, which is not the stack's" in finding.note
    names = {"backups-vault-key", "backups-vault-key-alias"}
    own = kms.create_key(Description="Encrypts the backups of example in eu-west-1")["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=alias, TargetKeyId=own)
    assert {name: finding for name, (_, finding) in found_ids(account.search(only=names)).items()} == {
        "backups-vault-key": own,
        "backups-vault-key-alias": alias,
    }
    kms.delete_alias(AliasName=alias)
    for one in (key, own):
        kms.schedule_key_deletion(KeyId=one, PendingWindowInDays=7)


def test_settings_that_name_what_is_not_there_are_reported(account: Account) -> None:
    lost = {
        "database-project": "gone-1",
        "uptime-backend-health": "4",
        "errors-backend-project": "example/gone",
    }
    team = {"errors-team": "example/gone"}
    result = account.search(adopt=lost, reference=team)
    assert result.failures == []
    for name in (*lost, *team):
        finding = finding_of(result, name)
        assert finding.status == "unfit"
        assert finding.note == "the setting names what is not there: correct it, or remove it."


def test_lists_of_an_account_are_read_to_their_last_page(account: Account, project: str) -> None:
    for number in range(51):
        account.monitor(f"https://{number}.example.com")
    last = account.monitor(f"{API}/api/version")
    for number in range(101):
        account.team(f"team {number}", f"team-{number}")
    account.team("Platform", "platform")
    result = account.search()
    assert finding_of(result, "uptime-backend-version").id == last
    assert finding_of(result, "errors-team").status == "found"
    assert finding_of(result, "database-project").id == project


@pytest.mark.parametrize(
    ("key", "cause"),
    [
        pytest.param("", "There is no key for {vendor}: {variable} is not set.", id="none"),
        pytest.param(
            "planted-key",
            "{vendor} does not accept the key: ",
            id="wrong",
        ),
        pytest.param("plänted", "The key for {vendor} has letters that no key has.", id="torn"),
    ],
)
def test_a_bad_api_key_is_named_with_the_variable_to_set_and_the_other_vendors_are_searched(
    account: Account, key: str, cause: str
) -> None:
    account.bucket()
    only = {*PLATFORMS, "backups-vault-bucket"}
    result = account.search(tokens=dict.fromkeys(TOKEN_VARIABLES.values(), key), only=only)
    for (vendor, variable), failure in zip(
        {
            "Neon": "NEON_API_KEY",
            "UptimeRobot": "UPTIMEROBOT_API_KEY",
            "Sentry": "SENTRY_AUTH_TOKEN",
            "PagerDuty": "PAGERDUTY_TOKEN",
            "Vercel": "VERCEL_API_TOKEN",
        }.items(),
        map(str, result.failures),
        strict=True,
    ):
        assert cause.format(vendor=vendor, variable=variable) in failure
        assert f"set {variable}." in failure
        assert not key or key not in failure
    by_vendor = {(one.vendor, one.status) for one in result.findings}
    assert {vendor for vendor, status in by_vendor if status == "unknown"} == {
        "Neon",
        "UptimeRobot",
        "Sentry",
        "PagerDuty",
        "Vercel",
    }
    assert ("AWS", "unknown") not in by_vendor
    assert statuses(result)["backups-vault-bucket"] == "found"


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
    assert (finding_of(result, "uptime-backend-version").id, result.failures) == (monitor, [])

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
        _, failed = find(uptimerobot.KINDS, Api(VENDORS["uptimerobot"], through, "k"))
    assert "UptimeRobot answers /user/alert-contacts in a way that is not its API's." in str(failed)
    assert "see whether a proxy is in between" in str(failed)


def test_a_vendor_that_cannot_be_reached_is_reported_without_the_key() -> None:
    nobody = "http://127.0.0.1:1"
    with httpx.Client(base_url=nobody, trust_env=False) as away:
        _, failed = find(neon.KINDS, Api(VENDORS["neon"], away, "planted-key"))
    assert "bulwark: Neon can't be reached: " in str(failed)
    assert "see neonstatus.com, the network and the proxy (HTTPS_PROXY)" in str(failed)
    assert "planted-key" not in str(failed)
    findings, failed = find(aws.KINDS, Api(VENDORS["neon"], httpx.Client(), ""), nobody)
    assert {finding.status for finding in findings} == {"unknown"}
    assert "AWS: looking for GitHub's issuer failed: no answer" in str(failed)
    assert "planted-secret" not in str(failed)


def take_stock(account: Account, supabase: httpx.Client, **tokens: str) -> Inventory:
    """Look at what the vendors show before a team has a stack."""
    own = {name: account.home.secret(name) for name in TOKEN_VARIABLES.values()}
    target = TwinTarget("prod", TARGET.settings, "stand-in", account.home)
    with open_apis(target, own | tokens) as apis:
        inventory = take_inventory(apis, Api(VENDORS["supabase"], supabase, "planted-token"))
        # They are asked for while the clients are open.
        for one in inventory.neon:
            inventory.list_databases(one.id)
        propose_stores(inventory)
    return inventory


def test_what_the_tokens_show_is_proposed_to_a_new_stack(account: Account, project: str) -> None:
    account.monitor("https://api.example.com/health", "KEYWORD")
    account.monitor("https://app.example.com/")
    account.team("Platform", "platform")
    account.sentry_project("API", "api")
    with serving_target() as supabase, httpx.Client(base_url=supabase.url, trust_env=False) as client:
        supabase.body = (
            '[{"id": "abcdefghijklmnopqrst", "ref": "abcdefghijklmnopqrst", "name": "files",'
            ' "region": "eu-central-1"}]'
        )
        inventory = take_stock(account, client)
        paths = [(path, headers["authorization"]) for _, path, headers, _ in supabase.requests]
    assert inventory.unknown == {}
    assert paths == [
        ("/v1/projects", "Bearer planted-token"),
        ("/v1/projects/abcdefghijklmnopqrst/storage/buckets", "Bearer planted-token"),
    ]
    assert inventory.neon_plans == {"org-example-00000000": "launch"}
    assert inventory.find_neon("example-production") == inventory.find_neon(project)
    assert [one.name for one in inventory.list_databases(project)] == ["platform"]
    assert inventory.sentry == [SentryOrganization("example", {"platform": "Platform"}, {"api": "other"})]
    assert {one.keywordValue for one in inventory.monitors} == {"ok", None}
    assert propose_services(inventory.monitors) == [
        "api=https://api.example.com/health",
        "app=https://app.example.com/",
    ]
    assert propose_stores(inventory)[-1] == "files=supabase:abcdefghijklmnopqrst"


def test_a_vendor_that_shows_nothing_does_not_stop_a_new_stack(account: Account) -> None:
    account.team("Platform", "platform")
    faults.plan(
        account.sentry.store, "sentry", Fault("GET", "/api/0/organizations/example/teams/", 500, "Oh.")
    )
    with httpx.Client(base_url="http://127.0.0.1:1", trust_env=False) as nobody:
        inventory = take_stock(account, nobody, NEON_API_KEY="planted-key", UPTIMEROBOT_API_KEY="")
    assert {vendor: reason.partition(":")[0] for vendor, reason in inventory.unknown.items()} == {
        "Neon": "Neon does not accept the key",
        "Supabase": "Supabase can't be reached",
        "UptimeRobot": "There is no key for UptimeRobot",
        "Sentry": "Sentry fails",
    }
    assert "planted" not in str(inventory.unknown)
    assert inventory.count() == {}


def find(kinds: Any, api: Api, aws_endpoint: str = "") -> Any:
    """Search for what production declares with one API for all vendors."""
    access = AwsAccess(
        aws_endpoint,
        find_key=lambda: AccessKey("k", "planted-secret"),
        find_replica_key=lambda: AccessKey("k", "planted-secret"),
    )
    vendors = Vendors(TARGET.settings, Apis(api, api, api, api, api), access, DeclaredStack(DECLARED), {})
    return find_existing("vendor", kinds, vendors, states=DeclaredStack([]), present={})
