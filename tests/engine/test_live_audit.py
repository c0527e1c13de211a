"""`audit --live` finds what was changed or made behind the stack's back, and says what it did not see."""

import json
import shutil
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from deployment import name_of
from fast_twin import FastTwin
from inventory import REGIONS, aws_client

from twin.neon.model import Neon
from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot
from twin.vendor import faults
from twin.vendor.faults import Fault

pytestmark = pytest.mark.shares("fast_twin")

ANYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
HERE, LOSSES = "alarms-eu-west-1", "example-twin-alarms-losses"
WRITER, RESTORER = "example-twin-backup-writer", "example-twin-backup-restorer"


@contextmanager
def weakened_vault(fast_twin: FastTwin, s3: Any) -> Generator[None]:
    """Take from the vault what finding M-5 took, and give it back."""
    bucket = fast_twin.resource("backups-vault-bucket")["id"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    replication = s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    logging = s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    public = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    document = json.loads(policy)
    try:
        s3.delete_bucket_replication(Bucket=bucket)
        s3.delete_bucket_lifecycle(Bucket=bucket)
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
        s3.delete_public_access_block(Bucket=bucket)
        s3.put_bucket_policy(
            Bucket=bucket, Policy=json.dumps(document | {"Statement": document["Statement"][:1]})
        )
        yield
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=public)
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": logging})
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": lifecycle})
        s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=replication)


@contextmanager
def unreadable_lifecycle(fast_twin: FastTwin, s3: Any) -> Generator[None]:
    """Let nobody read the lifecycle of the access log, by the bucket's own policy."""
    log = fast_twin.resource("backups-vault-access-log-bucket")["id"]
    policy = s3.get_bucket_policy(Bucket=log)["Policy"]
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetLifecycleConfiguration",
        "Resource": f"arn:aws:s3:::{log}",
    }
    document = json.loads(policy)
    s3.put_bucket_policy(
        Bucket=log, Policy=json.dumps(document | {"Statement": [*document["Statement"], statement]})
    )
    try:
        yield
    finally:
        s3.put_bucket_policy(Bucket=log, Policy=policy)


@contextmanager
def widened_roles(iam: Any) -> Generator[str]:
    """Give two roles a policy each (finding M-6), and one a wide boundary; yield the managed policy's ARN."""
    before = iam.get_role(RoleName=RESTORER)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
    arn = iam.create_policy(PolicyName="hand", PolicyDocument=ANYTHING)["Policy"]["Arn"]
    iam.put_role_policy(RoleName=WRITER, PolicyName="evil", PolicyDocument=ANYTHING)
    iam.attach_role_policy(RoleName=RESTORER, PolicyArn=arn)
    iam.put_role_permissions_boundary(RoleName=RESTORER, PermissionsBoundary=arn)
    try:
        yield arn
    finally:
        iam.put_role_permissions_boundary(RoleName=RESTORER, PermissionsBoundary=before)
        iam.detach_role_policy(RoleName=RESTORER, PolicyArn=arn)
        iam.delete_role_policy(RoleName=WRITER, PolicyName="evil")
        iam.delete_policy(PolicyArn=arn)


@contextmanager
def misused_keys(fast_twin: FastTwin) -> Generator[tuple[str, str]]:
    """Grant one key and disable the other; yield the names of both findings."""
    granted, disabled = (fast_twin.resource(f"backups-{name}-key")["id"] for name in ("vault", "replica"))
    kms, away = (aws_client(fast_twin.installation, "kms", region) for region in REGIONS)
    grant = kms.create_grant(
        KeyId=granted, GranteePrincipal="arn:aws:iam::123456789012:role/other", Operations=["Decrypt"]
    )["GrantId"]
    away.disable_key(KeyId=disabled)
    try:
        yield f"aws/key/{granted}/grant/{grant}", f"aws/key/{disabled}"
    finally:
        away.enable_key(KeyId=disabled)
        kms.revoke_grant(KeyId=granted, GrantId=grant)


@contextmanager
def undeclared_things(fast_twin: FastTwin) -> Generator[dict[str, str]]:
    """Make one thing of each kind by hand; yield kind -> name of the finding."""
    home = fast_twin.installation.home
    owner = fast_twin.output("database_urls")["database"]["owner"].replace(
        "@127-pooler.0.0.1:", "@127.0.0.1:"
    )
    project = fast_twin.resource("database-project")
    default = project["outputs"]["defaultBranchId"]
    robot, sentry, neon = UptimeRobot(home), Sentry(home), Neon(home)
    with closing(robot.store), closing(sentry.store), closing(neon.store):
        monitor, _ = robot.create(
            "monitor", {"name": "by hand", "type": "HTTP", "url": "https://example.com", "interval": 300}
        )
        sentry.create(
            "project",
            {
                "organization": "example",
                "name": "shop",
                "slug": "shop",
                "teams": ["platform"],
                "platform": "other",
            },
        )
        branch, _ = neon.create("branch", {"projectId": project["id"], "name": "preview/42"})
        other, _ = neon.create(
            "project", {"name": "shop", "orgId": "org-example-00000000", "regionId": "aws-eu-central-1"}
        )
        (home.files / "invoices").mkdir()
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("CREATE DATABASE shop")
        try:
            yield {
                "monitor": f"uptimerobot/monitor/{monitor}",
                "project": "sentry/project/example/shop",
                "other": f"neon/project/{other}",
                "branch": f"neon/branch/{project['id']}/{branch}",
                "bucket": "supabase/bucket/abcdefghijklmnopqrst/invoices",
                "database": f"neon/database/{project['id']}/{default}/shop",
            }
        finally:
            with psycopg.connect(owner, autocommit=True) as connection:
                connection.execute("DROP DATABASE shop")
            shutil.rmtree(home.files / "invoices")
            neon.delete("project", other)
            neon.delete("branch", branch)
            sentry.delete("project", "example/shop")
            robot.delete("monitor", monitor)


@contextmanager
def strangers(fast_twin: FastTwin) -> Generator[set[str]]:
    """Let somebody else into the vaults' account; yield the names of the findings."""
    iam = aws_client(fast_twin.installation, "iam")
    s3 = aws_client(fast_twin.installation, "s3", REGIONS[0])
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "210987654321"}, "Action": "sts:AssumeRole"}
            ],
        }
    )
    iam.create_role(RoleName="by-hand", AssumeRolePolicyDocument=trust)
    iam.create_role(RoleName="of-aws", Path="/aws-service-role/x/", AssumeRolePolicyDocument=trust)
    iam.create_user(UserName="intern")
    key = iam.create_access_key(UserName="intern")["AccessKey"]["AccessKeyId"]
    issuer = iam.create_open_id_connect_provider(Url="https://issuer.example.com")["OpenIDConnectProviderArn"]
    s3.create_bucket(Bucket="by-hand", CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
    try:
        yield {
            f"aws/account/123456789012/{thing}"
            for thing in (
                "role/by-hand",
                "user/intern",
                "access-key/intern/1",
                f"oidc-provider/{issuer}",
                "bucket/by-hand",
            )
        }
    finally:
        s3.delete_bucket(Bucket="by-hand")
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=issuer)
        iam.delete_access_key(UserName="intern", AccessKeyId=key)
        iam.delete_user(UserName="intern")
        iam.delete_role(RoleName="of-aws")
        iam.delete_role(RoleName="by-hand")


@contextmanager
def silenced_alarms(fast_twin: FastTwin) -> Generator[set[str]]:
    """Turn a trail and a rule off, open a topic, and listen in; yield the names of what no refresh shows."""
    sns, events, cloudtrail, s3 = (
        aws_client(fast_twin.installation, service, REGIONS[0])
        for service in ("sns", "events", "cloudtrail", "s3")
    )
    trail, topic = (fast_twin.resource(f"backups-{name}")["id"] for name in ("trail-trail", f"{HERE}-topic"))
    record = fast_twin.resource("backups-trail-bucket")["id"]
    policies = (
        s3.get_bucket_policy(Bucket=record)["Policy"],
        sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"],
    )
    opened = [json.dumps(each | {"Statement": each["Statement"][:1]}) for each in map(json.loads, policies)]
    # Nobody answers at port 1, so that the endpoint confirms nothing.
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:1/?key=secret")
    events.put_rule(Name="by-hand", EventPattern='{"source": ["aws.s3"]}')
    events.put_targets(Rule="by-hand", Targets=[{"Id": "alarms", "Arn": topic}])
    events.put_targets(Rule=LOSSES, Targets=[{"Id": "copy", "Arn": f"{topic}-copy"}])
    events.disable_rule(Name=LOSSES)
    cloudtrail.stop_logging(Name=trail)
    s3.put_bucket_policy(Bucket=record, Policy=opened[0])
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=opened[1])
    try:
        yield {
            f"aws/topic/{topic}/subscription/http:127.0.0.1",
            f"aws/topic/{topic}/rule/by-hand",
            f"aws/rule/{fast_twin.resource(f'backups-{HERE}-losses')['outputs']['arn']}/target/copy",
            f"aws/trail/{trail}/delivery",
        }
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policies[1])
        s3.put_bucket_policy(Bucket=record, Policy=policies[0])
        cloudtrail.start_logging(Name=trail)
        events.enable_rule(Name=LOSSES)
        events.remove_targets(Rule=LOSSES, Ids=["copy"])
        events.remove_targets(Rule="by-hand", Ids=["alarms"])
        events.delete_rule(Name="by-hand")


@contextmanager
def reviewed(folder: Path, thing: str, expired: str) -> Generator[None]:
    """Write an entry that is in force, and one whose last day was yesterday."""
    file, today = folder / "policies" / "undeclared.yaml", datetime.now(UTC).date()
    before = file.read_text()
    entry = {
        "stack": "local",
        "reason": "belongs to another team, which backs it up",
        "owner": "operations",
        "ticket": "OPS-7",
        "created": str(today - timedelta(days=30)),
    }
    entries = [
        entry | {"thing": thing, "expires": str(today)},
        entry | {"thing": expired, "expires": str(today - timedelta(days=1))},
    ]
    file.write_text(yaml.safe_dump(entries))
    try:
        yield
    finally:
        file.write_text(before)


@pytest.mark.scenario("a platform after up")
def test_an_audit_of_the_vendors_finds_what_the_state_does_not_show(
    fast_twin: FastTwin, tmp_path: Path
) -> None:
    installation = fast_twin.installation
    s3, away = (aws_client(installation, "s3", region) for region in REGIONS)
    replica = fast_twin.resource("backups-replica-bucket")["id"]
    cors = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
    with ExitStack() as changes:
        changes.enter_context(weakened_vault(fast_twin, s3))
        changes.enter_context(unreadable_lifecycle(fast_twin, s3))
        arn = changes.enter_context(widened_roles(aws_client(installation, "iam")))
        grant, disabled = changes.enter_context(misused_keys(fast_twin))
        things = changes.enter_context(undeclared_things(fast_twin))
        others = changes.enter_context(strangers(fast_twin))
        unheard = changes.enter_context(silenced_alarms(fast_twin))
        changes.enter_context(reviewed(installation.folder, things["database"], things["monitor"]))
        away.put_bucket_cors(Bucket=replica, CORSConfiguration=cors)
        changes.callback(away.delete_bucket_cors, Bucket=replica)
        sentry = changes.enter_context(closing(Sentry(installation.home).store))
        faults.plan(sentry, "sentry", Fault("GET", ".*/organizations/example/projects/"))
        changes.callback(faults.cancel, sentry, "sentry")
        ended = fast_twin.bulwark(
            "audit", "--live", "--json", "--write", str(tmp_path), **fast_twin.reading_tokens()
        )
    assert ended.code == 1, ended.text[-3_000:]
    found = ended.json
    assert (found["judged"], found["passes"]) == ("live", False)
    assert {name_of(step["urn"]): step["op"] for step in found["drift"]} == {
        "backups-vault-public-access": "delete",
        "backups-vault-lifecycle": "delete",
        "backups-vault-logging": "delete",
        "backups-replication": "delete",
        "backups-vault-policy": "update",
        "backups-vault-access-log-policy": "update",
        "backups-replica-key": "update",
        "backups-identity-backup-restorer": "update",
        "backups-identity-backup-restorer-attachments": "update",
        "backups-identity-backup-writer-policies": "update",
        "backups-trail-trail": "update",
        "backups-trail-policy": "update",
        "backups-alarms-eu-west-1-losses": "update",
        "backups-alarms-eu-west-1-topic": "update",
    }
    assert {one["thing"] for one in found["undeclared"]} == {
        f"aws/role/{WRITER}/inline/evil",
        f"aws/role/{RESTORER}/attached/{arn}",
        f"aws/role/{RESTORER}/boundary",
        f"aws/bucket/{replica}/cors",
        grant,
        disabled,
        things["monitor"],
        things["branch"],
        things["bucket"],
        things["other"],
        *others,
        *unheard,
    }
    assert "key=secret" not in ended.text
    assert [entry["thing"] for entry in found["reviewed"]] == [things["database"]]
    assert [problem.rpartition(" on ")[0] for problem in found["problems"]] == [
        "entry 2 of undeclared.yaml expired"
    ]
    unknown = {gap["what"]: gap["reason"] for gap in found["unknown"]}
    assert set(unknown) == {
        "Sentry projects of example",
        # The bucket's own state shows its lifecycle too.
        "the settings of backups-vault-access-log-bucket, backups-vault-access-log-lifecycle at AWS",
    }
    assert "Sentry fails" in unknown["Sentry projects of example"]
    refused = {
        verdict["rule"] for verdict in found["policies"]["verdicts"] if verdict["outcome"] == "violated"
    }
    assert refused >= {
        "bucket-is-closed-to-the-public",
        "vault-is-replicated",
        "vault-access-is-logged",
        "vault-denies-deletion",
        "vault-expires-every-tier",
        "vault-account-keeps-a-trail",
        "vault-raises-alarms",
    }
    issue = (tmp_path / "drift.md").read_text()
    assert issue.startswith("<!-- bulwark drift: local -->")
    assert all(one["thing"] in issue for one in found["undeclared"])
    # The stack's own state was only read.
    assert "backups-replication" in {name_of(resource["urn"]) for resource in installation.resources()}
