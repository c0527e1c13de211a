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

import pulumi
import pulumi.automation as auto
import pulumi_aws as aws
import pulumi_neon as neon
import pulumi_sentry as sentry
import pulumi_uptimerobot as uptimerobot
from pulumi_aws import cloudtrail, cloudwatch, iam, kms, s3, secretsmanager, sns

from engine.targets import find_twin_target
from engine.twin import TwinTarget
from toolchain.engine import search_path
from twin.host.home import TwinHome

ORGANIZATION = "example"
COMPONENTS = 30
ROLES = 14


def program(home: TwinHome) -> None:
    """Declare as many resources of each type as production (tests/policy/production.json); no replication."""
    explicit = {
        "neon": neon.Provider("neon", api_key=home.secret("NEON_API_KEY")),
        "uptimerobot": uptimerobot.Provider("uptimerobot", api_key=home.secret("UPTIMEROBOT_API_KEY")),
        "sentry": sentry.Provider("sentry", token=home.secret("SENTRY_AUTH_TOKEN")),
        "aws": aws.Provider("aws", region="eu-west-1"),
    }
    other = pulumi.ResourceOptions(provider=aws.Provider("aws-replica", region="eu-north-1"))
    for number in range(COMPONENTS):
        pulumi.ComponentResource("bench:index:Group", f"group-{number}")

    def own(vendor: str) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=explicit[vendor])

    _neon(own("neon"))
    _uptimerobot(own("uptimerobot"))
    _sentry(own("sentry"))
    for number, options in enumerate((own("aws"), other)):
        _vault(number, options)
        _alarms(number, options)
    _identity(own("aws"))
    _secrets(own("aws"))


def _neon(options: pulumi.ResourceOptions) -> None:
    project = neon.Project(
        "project", name="bench", org_id="org-bench", region_id="aws-eu-central-1", opts=options
    )
    branch = project.default_branch_id
    roles = [
        neon.Role(
            f"role-{number}", name=f"role_{number}", opts=options, project_id=project.id, branch_id=branch
        )
        for number in range(3)
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


def _vault(number: int, options: pulumi.ResourceOptions) -> None:
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


def _identity(options: pulumi.ResourceOptions) -> None:
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
        policy = iam.RolePolicy(
            f"read-{number}", name="read", role=role.name, policy=_document(read), opts=options
        )
        iam.RolePoliciesExclusive(
            f"policies-{number}", role_name=role.name, policy_names=[policy.name], opts=options
        )
        iam.RolePolicyAttachmentsExclusive(
            f"attachments-{number}", role_name=role.name, policy_arns=[], opts=options
        )


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
    sys.stdout.write(f"{Path(__file__).name}: {dict(counts or {})}\n")


if __name__ == "__main__":
    main(sys.argv[1])
