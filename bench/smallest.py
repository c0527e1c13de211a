"""
The smallest program with as many resources of the same types as production, on the same engine and plugins.

It has no settings, components, facts or policies, and only the inputs that each type demands.
`python bench/smallest.py up|preview` runs it once on the twin that BULWARK_TWIN names.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi.automation as auto
import pulumi_aws as aws
import pulumi_neon as neon
import pulumi_pagerduty as pagerduty
import pulumi_railway as railway
import pulumi_sentry as sentry
import pulumi_uptimerobot as uptimerobot
import pulumi_vercel as vercel
from pulumi import dynamic
from pulumi_aws import cloudtrail, cloudwatch, iam, kms, s3, secretsmanager, sns

from engine.targets import find_twin_target
from engine.twin import TwinTarget
from toolchain.engine import search_path
from twin.host.home import TwinHome
from twin.pagerduty.model import PagerDutyAccount
from twin.railway.model import Railway
from twin.vercel.model import Vercel

PRODUCTION = Path(__file__).resolve().parents[1] / "tests" / "policy" / "production.json"
UNCOUNTED = "pulumi:providers:pulumi-python"
"""A provider that no program declares, so that the engine leaves it out of its summary."""

ORGANIZATION = "example"
COMPONENTS = 33
ROLES = 14
PERSON = "bench@example.com"
RAILWAY_ENVIRONMENT = "8a1e2f90-6c3d-4b57-8f24-73c9d0e5b622"
RAILWAY_PROJECT = "5c4f6d1e-3b7a-4e0c-9a52-1f0d8e6b7a11"
RAILWAY_SERVICE = "d2b7c845-91fe-4a6d-b038-5e4a1c7f9d33"
VERCEL_PROJECT, VERCEL_TEAM = "prj_example0frontend", "team_example"


class NothingProvider(dynamic.ResourceProvider):
    """Makes nothing, in the process that the engine starts for what is programmed in Python."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult("nothing", props)


class Nothing(dynamic.Resource, module="bench", name="Nothing"):
    """The smallest resource that is programmed in Python: production's application role is one."""

    def __init__(self, name: str) -> None:
        super().__init__(NothingProvider(), name, {})


def program(home: TwinHome) -> None:
    """Declare as many resources of each type as production (tests/policy/production.json)."""
    explicit = {
        "neon": neon.Provider("neon", api_key=home.secret("NEON_API_KEY")),
        "uptimerobot": uptimerobot.Provider("uptimerobot", api_key=home.secret("UPTIMEROBOT_API_KEY")),
        "sentry": sentry.Provider("sentry", token=home.secret("SENTRY_AUTH_TOKEN")),
        "pagerduty": pagerduty.Provider("pagerduty", token=home.secret("PAGERDUTY_TOKEN")),
        "railway": railway.Provider("railway", token=home.secret("RAILWAY_TOKEN")),
        "vercel": vercel.Provider("vercel", api_token=home.secret("VERCEL_API_TOKEN")),
        "aws": aws.Provider("aws", region="eu-west-1"),
        "aws-secrets": aws.Provider("aws-secrets", region="eu-west-1"),
    }
    other = pulumi.ResourceOptions(provider=aws.Provider("aws-replica", region="eu-north-1"))
    for number in range(COMPONENTS):
        pulumi.ComponentResource("bench:index:Group", f"group-{number}")

    def own(vendor: str) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=explicit[vendor])

    _neon(own("neon"))
    _uptimerobot(own("uptimerobot"))
    _sentry(own("sentry"))
    _pagerduty(own("pagerduty"))
    _railway(own("railway"))
    _vercel(own("vercel"))
    vault, replica = (_vault(number, options) for number, options in enumerate((own("aws"), other)))
    for number, options in enumerate((own("aws"), other)):
        _alarms(number, options)
    roles = _identity(own("aws"))
    _replication(vault, replica, roles[0], own("aws"))
    _secrets(own("aws-secrets"))
    Nothing("nothing")


def _neon(options: pulumi.ResourceOptions) -> None:
    project = neon.Project(
        "project", name="bench", org_id="org-bench", region_id="aws-eu-central-1", opts=options
    )
    branch = project.default_branch_id
    roles = [
        neon.Role(
            f"role-{number}", name=f"role_{number}", opts=options, project_id=project.id, branch_id=branch
        )
        for number in range(2)
    ]
    neon.Database(
        "database",
        name="bench",
        owner_name=roles[0].name,
        opts=options,
        project_id=project.id,
        branch_id=branch,
    )


def _uptimerobot(options: pulumi.ResourceOptions) -> None:
    uptimerobot.AlertContact("mail", name="mail", type="email", value="bench@example.com", opts=options)
    for number in range(3):
        uptimerobot.Integration(
            f"integration-{number}",
            name=f"integration-{number}",
            type="slack",
            value=f"http://127.0.0.1:9/{number}",
            enable_notifications_for=1,
            ssl_expiration_reminder=False,
            opts=options,
        )
    uptimerobot.MonitorGroup("group", name="bench", opts=options)
    uptimerobot.MaintenanceWindow(
        "window",
        name="bench",
        interval="weekly",
        days=[7],
        time="03:00:00",
        duration=30,
        auto_add_monitors=False,
        opts=options,
    )
    monitors = [
        uptimerobot.Monitor(
            f"monitor-{number}",
            name=f"monitor-{number}",
            type="HTTP",
            url=f"https://bench-{number}.example.com",
            interval=300,
            opts=options,
        )
        for number in range(8)
    ]
    uptimerobot.Psp("page", name="bench", monitor_ids=[monitors[0].id.apply(int)], opts=options)


def _sentry(options: pulumi.ResourceOptions) -> None:
    team = sentry.Team("team", name="bench", slug="bench", organization=ORGANIZATION, opts=options)
    sentry.IntegrationPagerduty(
        "pagerduty",
        integration_id="502",
        service="bench",
        integration_key="k" * 32,
        organization=ORGANIZATION,
        opts=options,
    )
    projects = [
        sentry.Project(
            f"project-{number}",
            name=f"bench-{number}",
            slug=f"bench-{number}",
            teams=[team.slug],
            platform="other",
            organization=ORGANIZATION,
            opts=options,
        )
        for number in range(2)
    ]
    crons = [
        sentry.CronMonitor(
            f"cron-{number}",
            project=projects[0].id,
            name=f"cron-{number}",
            schedule={"crontab": "0 2 * * *"},
            checkin_margin_minutes=10,
            max_runtime_minutes=10,
            failure_issue_threshold=1,
            recovery_threshold=1,
            organization=ORGANIZATION,
            opts=options,
        )
        for number in range(5)
    ]
    sentry.UptimeMonitor(
        "uptime",
        project=projects[0].id,
        name="uptime",
        url="https://bench.example.com",
        method="GET",
        interval_seconds=60,
        timeout_ms=1000,
        environment="bench",
        organization=ORGANIZATION,
        opts=options,
    )
    for number, project in enumerate(projects):
        sentry.Key(f"key-{number}", name="bench", project=project.id, organization=ORGANIZATION, opts=options)
        sentry.ProjectSpikeProtection(
            f"spike-{number}", enabled=True, project=project.id, organization=ORGANIZATION, opts=options
        )
        sentry.ProjectOwnership(
            f"ownership-{number}",
            raw="path:** #bench",
            fallthrough=True,
            auto_assignment="Turn off Auto-Assignment",
            codeowners_auto_sync=False,
            project=project.id,
            organization=ORGANIZATION,
            opts=options,
        )
        for metric in range(2):
            sentry.MetricMonitor(
                f"metric-{number}-{metric}",
                name=f"metric-{number}-{metric}",
                aggregate="count()",
                dataset="events",
                event_types=["error"],
                issue_detection={"type": "static"},
                condition_group={"conditions": [{"type": "gt", "comparison": 1, "condition_result": 75}]},
                project=project.id,
                organization=ORGANIZATION,
                opts=options,
            )
    for number in range(16):
        sentry.Alert(
            f"alert-{number}",
            name=f"alert-{number}",
            frequency_minutes=30,
            monitor_ids=[crons[number % 3].id],
            action_filters=[
                {
                    "logic_type": "all",
                    "actions": [{"email": {"target_type": "team", "target_id": team.internal_id}}],
                }
            ],
            organization=ORGANIZATION,
            opts=options,
        )


def _pagerduty(options: pulumi.ResourceOptions) -> None:
    user = pagerduty.get_user_output(
        email=PERSON, opts=pulumi.InvokeOutputOptions(provider=options.provider)
    ).id
    policy = pagerduty.EscalationPolicy(
        "policy",
        name="bench",
        num_loops=1,
        rules=[
            {"escalation_delay_in_minutes": 5, "targets": [{"type": "user_reference", "id": user}]},
        ],
        opts=options,
    )
    start = "2026-01-05T08:00:00Z"
    pagerduty.Schedule(
        "schedule",
        name="bench",
        time_zone="Etc/UTC",
        layers=[
            {
                "name": "layer",
                "start": start,
                "rotation_virtual_start": start,
                "rotation_turn_length_seconds": 604_800,
                "users": [user],
            }
        ],
        opts=options,
    )
    service = pagerduty.Service("service", name="bench", escalation_policy=policy.id, opts=options)
    for name in ("sentry", "uptimerobot"):
        pagerduty.ServiceIntegration(
            f"integration-{name}",
            name=name,
            service=service.id,
            type="events_api_v2_inbound_integration",
            opts=options,
        )


def _railway(options: pulumi.ResourceOptions) -> None:
    railway.VariableCollection(
        "variables",
        environment_id=RAILWAY_ENVIRONMENT,
        service_id=RAILWAY_SERVICE,
        variables=[{"name": "BENCH", "value": "bench"}],
        opts=options,
    )


def _vercel(options: pulumi.ResourceOptions) -> None:
    for number in range(2):
        vercel.ProjectEnvironmentVariable(
            f"variable-{number}",
            project_id=VERCEL_PROJECT,
            team_id=VERCEL_TEAM,
            key=f"BENCH_{number}",
            value="bench",
            targets=["production"],
            sensitive=True,
            opts=options,
        )


def _vault(number: int, options: pulumi.ResourceOptions) -> s3.Bucket:
    key = kms.Key(f"key-{number}-vault", opts=options)
    kms.Alias(f"alias-{number}", name=f"alias/bench-{number}", target_key_id=key.key_id, opts=options)
    vault = s3.Bucket(
        f"vault-{number}", bucket=f"bench-vault-{number}", object_lock_enabled=True, opts=options
    )
    log = s3.Bucket(f"log-{number}", bucket=f"bench-log-{number}", opts=options)
    trail = s3.Bucket(
        f"trail-{number}", bucket=f"bench-trail-{number}", object_lock_enabled=True, opts=options
    )
    policies: list[pulumi.Resource] = []
    for name, bucket in (("vault", vault), ("log", log), ("trail", trail)):
        suffix = f"{name}-{number}"
        versioning = s3.BucketVersioning(
            f"versioning-{suffix}",
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=options,
        )
        if name != "log":
            s3.BucketObjectLockConfiguration(
                f"lock-{suffix}",
                bucket=bucket.bucket,
                rule={"default_retention": {"mode": "GOVERNANCE", "days": 1}},
                opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[versioning])),
            )
        policy = bucket.arn.apply(_trail_delivery if name == "trail" else _log_delivery)
        policies.append(
            s3.BucketPolicy(f"policy-{suffix}", bucket=bucket.bucket, policy=policy, opts=options)
        )
        s3.BucketPublicAccessBlock(f"public-{suffix}", bucket=bucket.bucket, opts=options)
        s3.BucketOwnershipControls(
            f"ownership-{suffix}",
            bucket=bucket.bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=options,
        )
        s3.BucketServerSideEncryptionConfiguration(
            f"encryption-{suffix}",
            bucket=bucket.bucket,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=options,
        )
        s3.BucketLifecycleConfiguration(
            f"lifecycle-{suffix}",
            bucket=bucket.bucket,
            rules=[
                {"id": "x", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 1}},
            ],
            opts=options,
        )
    s3.BucketLogging(
        f"logging-{number}",
        bucket=vault.bucket,
        target_bucket=log.bucket,
        target_prefix="x/",
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=policies)),
    )
    cloudtrail.Trail(
        f"trail-of-{number}",
        name=f"bench-{number}",
        s3_bucket_name=trail.bucket,
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=policies)),
    )
    return vault


def _alarms(number: int, options: pulumi.ResourceOptions) -> None:
    pattern = json.dumps({"source": ["aws.kms"]})
    for region in ("one", "two"):
        suffix = f"{number}-{region}"
        topic = sns.Topic(f"topic-{suffix}", name=f"bench-{suffix}", opts=options)
        for mail in ("a", "b"):
            sns.TopicSubscription(
                f"mail-{suffix}-{mail}",
                topic=topic.arn,
                protocol="email",
                endpoint=f"{mail}@example.com",
                opts=options,
            )
            rule = cloudwatch.EventRule(
                f"rule-{suffix}-{mail}", name=f"bench-{suffix}-{mail}", event_pattern=pattern, opts=options
            )
            cloudwatch.EventTarget(
                f"target-{suffix}-{mail}", rule=rule.name, target_id="topic", arn=topic.arn, opts=options
            )


def _replication(
    vault: s3.Bucket, replica: s3.Bucket, role: iam.Role, options: pulumi.ResourceOptions
) -> None:
    rule: s3.BucketReplicationConfigRuleArgsDict = {
        "id": "x",
        "priority": 1,
        "status": "Enabled",
        "filter": {"prefix": ""},
        "delete_marker_replication": {"status": "Disabled"},
        "destination": {"bucket": replica.arn},
    }
    s3.BucketReplicationConfig("replication", bucket=vault.bucket, role=role.arn, rules=[rule], opts=options)


def _identity(options: pulumi.ResourceOptions) -> list[iam.Role]:
    """Declare roles and what they trust; return the roles."""
    roles: list[iam.Role] = []
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bench/*"}
    for number, host in enumerate(("token.actions.githubusercontent.com", "issuer.example.com")):
        iam.OpenIdConnectProvider(
            f"issuer-{number}", url=f"https://{host}", client_id_lists=["sts.amazonaws.com"], opts=options
        )
        iam.Policy(f"boundary-{number}", name=f"bench-{number}", policy=_document(read), opts=options)
    trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    for number in range(ROLES):
        name = f"bench-{number}"
        role = iam.Role(f"aws-{name}", name=name, assume_role_policy=_document(trust), opts=options)
        roles.append(role)
        policy = iam.RolePolicy(
            f"read-{number}", name="read", role=role.name, policy=_document(read), opts=options
        )
        iam.RolePoliciesExclusive(
            f"policies-{number}", role_name=role.name, policy_names=[policy.name], opts=options
        )
        iam.RolePolicyAttachmentsExclusive(
            f"attachments-{number}", role_name=role.name, policy_arns=[], opts=options
        )
    return roles


def _secrets(options: pulumi.ResourceOptions) -> None:
    key = kms.Key("key-secrets", opts=options)
    kms.Alias("alias-secrets", name="alias/bench-secrets", target_key_id=key.key_id, opts=options)
    for number in range(3):
        secret = secretsmanager.Secret(
            f"secret-{number}", name=f"bench-{number}", kms_key_id=key.arn, opts=options
        )
        secretsmanager.SecretVersion(
            f"version-{number}", secret_id=secret.id, secret_string=json.dumps({}), opts=options
        )


def _document(statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _log_delivery(arn: str) -> str:
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{arn}/*",
        }
    )


def _trail_delivery(arn: str) -> str:
    service = {"Service": "cloudtrail.amazonaws.com"}
    statements = [
        {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": arn},
        {"Effect": "Allow", "Principal": service, "Action": "s3:PutObject", "Resource": f"{arn}/*"},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def main(operation: str) -> None:
    """Run one engine operation, as a user of the Automation API would."""
    home = TwinHome.from_environment()
    environment = TwinTarget(
        "local", find_twin_target("local").settings, "stand-in", home
    ).engine_environment()
    PagerDutyAccount(home).invite(PERSON)
    Railway(home).add_service(RAILWAY_SERVICE, RAILWAY_ENVIRONMENT, RAILWAY_PROJECT, name="api", port=None)
    Vercel(home).add_project(VERCEL_PROJECT, VERCEL_TEAM, name="frontend", port=None)
    os.environ["PATH"] = search_path()
    folder = home.root / "smallest"
    folder.mkdir(exist_ok=True)
    options = auto.LocalWorkspaceOptions(
        work_dir=str(folder), env_vars=environment, secrets_provider="passphrase"
    )
    stack = auto.create_or_select_stack(
        "smallest", project_name="smallest", program=lambda: program(home), opts=options
    )
    # Pulumi's `up` previews first, and so does `./bulwark up`.
    counts = stack.preview().change_summary
    if operation == "up":
        counts = stack.up().summary.resource_changes
        recorded = json.loads(PRODUCTION.read_text())
        declared, expected = sum((counts or {}).values()), sum(one["type"] != UNCOUNTED for one in recorded)
        if declared != expected:
            sys.exit(f"{Path(__file__).name} declares {declared} resources, and production {expected}.")
    sys.stdout.write(f"{Path(__file__).name}: {dict(counts or {})}\n")


if __name__ == "__main__":
    main(sys.argv[1])
