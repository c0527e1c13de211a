"""The two production vaults and their access logs, as the engine holds them."""

from typing import Any

import pytest
import role_clients
from botocore.exceptions import ClientError
from deployment import Deployment

pytestmark = pytest.mark.shares("production")

VAULTS = {
    "backups-vault": ("aws-primary", "eu-west-1"),
    "backups-replica": ("aws-replica", "eu-north-1"),
}
ACCOUNTS = {"backups-vault": role_clients.ACCOUNT, "backups-replica": role_clients.THERE}
LOCK_DAYS = 30

both = pytest.mark.parametrize("vault", VAULTS)


@both
def test_every_resource_of_a_vault_is_in_the_vaults_region(production: Deployment, vault: str) -> None:
    provider, region = VAULTS[vault]
    children = [*production.children(vault), *production.children(f"{vault}-access-log")]
    below = [production[name] for name in children if production[name].custom]
    assert len(below) == 18
    assert {found.provider for found in below} == {provider}
    assert f":{region}:" in production[f"{vault}-key"].outputs["arn"]


def find_all_dependencies(production: Deployment, name: str) -> set[str]:
    """Return what is made before a resource, also through others."""
    direct = production[name].dependencies
    return direct.union(*(find_all_dependencies(production, before) for before in direct))


@both
def test_lock_and_lifecycle_wait_for_versioning_and_the_policy_for_the_public_access_block(
    production: Deployment, vault: str
) -> None:
    bucket = f"{vault}-bucket"
    assert production[f"{vault}-versioning"].dependencies == {bucket}
    assert production[f"{vault}-lock"].dependencies == {bucket, f"{vault}-versioning"}
    assert f"{vault}-versioning" in find_all_dependencies(production, f"{vault}-lifecycle")
    # The policy comes last: it keeps whoever runs this from configuring the bucket any further.
    configured = {
        name
        for name in production.children(vault)
        if not name.endswith(("-policy", "-access-log", "-key-alias", "-key"))
    }
    assert configured - {f"{vault}-versioning"} <= production[f"{vault}-policy"].dependencies
    if vault == "backups-vault":
        assert "backups-replication" in production[f"{vault}-policy"].dependencies
    assert production[f"{vault}-encryption"].property_dependencies == {
        "bucket": {bucket},
        "rules": {f"{vault}-key"},
    }


@both
def test_a_vault_is_encrypted_with_its_own_key(production: Deployment, vault: str) -> None:
    key = production[f"{vault}-key"].outputs
    # Roles know the key by this alias, so it has to be this key's.
    assert production[f"{vault}-key-alias"].inputs == {
        "name": f"alias/example-vault-{VAULTS[vault][1]}",
        "targetKeyId": key["keyId"],
    }
    (rule,) = production[f"{vault}-encryption"].inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == key["arn"]


@both
def test_a_vaults_versioning_cannot_be_switched_off_at_all(production: Deployment, vault: str) -> None:
    home, (_, region) = production.installation.home, VAULTS[vault]
    s3 = role_clients.break_glass(home, ACCOUNTS[vault]).client("s3", region)  # whom no policy keeps from it
    with pytest.raises(ClientError, match="InvalidBucketState"):
        s3.put_bucket_versioning(
            Bucket=production[f"{vault}-bucket"].id, VersioningConfiguration={"Status": "Suspended"}
        )


@both
def test_a_vaults_key_is_taken_away_by_break_glass_alone(production: Deployment, vault: str) -> None:
    key, account = production[f"{vault}-key"], f"arn:aws:iam::{ACCOUNTS[vault]}"
    policy = key.policy()
    policy.pop("ReplicationEncrypts", None)
    assert list(policy) == ["AccountAdministers", "OnlyBreakGlass", "FullWindow"]
    assert policy["AccountAdministers"]["Principal"] == {"AWS": f"{account}:root"}
    assert policy["OnlyBreakGlass"]["Principal"] == "*"
    assert policy["OnlyBreakGlass"]["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": [f"{account}:role/example-break-glass"]}
    }
    assert {"kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "kms:CreateGrant"} <= set(
        policy["OnlyBreakGlass"]["Action"]
    )
    # KMS refuses a policy that its maker could not change, unless told so.
    assert key.inputs["bypassPolicyLockoutSafetyCheck"] is True


@both
def test_a_vaults_bucket_policy_only_denies_but_for_what_is_replicated(
    production: Deployment, vault: str
) -> None:
    statements = production[f"{vault}-policy"].policy()
    statements.pop("TakesReplicas", None)
    assert list(statements) == [
        "OnlyTls",
        "OnlyCurrentTls",
        "OnlyDefaultEncryption",
        "NoOwnKey",
        "NoArchive",
        "OnlyBreakGlass",
    ]
    assert {statement["Effect"] for statement in statements.values()} == {"Deny"}
    assert {statement["Principal"] for statement in statements.values()} == {"*"}
    bucket = production[f"{vault}-bucket"].outputs["arn"]
    for sid, condition in {
        "OnlyTls": {"Bool": {"aws:SecureTransport": "false"}},
        "OnlyCurrentTls": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }.items():
        assert statements[sid]["Action"] == "s3:*"
        assert statements[sid]["Resource"] == [bucket, f"{bucket}/*"]
        assert statements[sid]["Condition"] == condition
    header = "s3:x-amz-server-side-encryption"
    # The header is refused, whatever its value.
    for sid, key in {"OnlyDefaultEncryption": header, "NoOwnKey": f"{header}-customer-algorithm"}.items():
        assert statements[sid]["Action"] == "s3:PutObject"
        assert statements[sid]["Resource"] == f"{bucket}/*"
        assert statements[sid]["Condition"] == {"Null": {key: "false"}}
    assert statements["OnlyBreakGlass"]["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNTS[vault]}:role/example-break-glass"]}
    }
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"} <= set(
        statements["OnlyBreakGlass"]["Action"]
    )


@both
def test_no_object_of_a_vault_expires_before_its_lock_ends(production: Deployment, vault: str) -> None:
    days = [
        *(
            days
            for rule in production[f"{vault}-lifecycle"].inputs["rules"]
            if rule["id"] != "files-gone"
            for days in (
                rule.get("expiration", {}).get("days"),
                rule.get("noncurrentVersionExpiration", {}).get("noncurrentDays"),
            )
            if days is not None
        )
    ]
    assert len(days) == 13
    assert min(days) >= LOCK_DAYS


@both
def test_the_access_log_takes_only_the_log_of_its_own_vault(production: Deployment, vault: str) -> None:
    log, region = f"{vault}-access-log", VAULTS[vault][1]
    bucket = f"example-access-log-{ACCOUNTS[vault]}-{region}"
    statements = production[f"{log}-policy"].policy()
    assert statements.keys() == {"OnlyTls", "LogDelivery", "OnlyBreakGlass"}
    assert statements["LogDelivery"] == {
        "Sid": "LogDelivery",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": production[f"{vault}-bucket"].outputs["arn"]},
            "StringEquals": {"aws:SourceAccount": ACCOUNTS[vault]},
        },
    }
    logging = production[f"{vault}-logging"]
    assert (logging.inputs["bucket"], logging.inputs["targetBucket"]) == (
        production[f"{vault}-bucket"].id,
        production[f"{log}-bucket"].id,
    )
    # Logging is switched on only when the log's policy lets the delivery in.
    assert f"{log}-policy" in logging.dependencies


def test_replication_waits_for_versioning_on_both_sides_and_for_its_permission(
    production: Deployment,
) -> None:
    replication = production["backups-replication"]
    assert {"backups-vault-versioning", "backups-replica-versioning", "backups-replicator-policy"} <= (
        replication.dependencies
    )


def test_replication_goes_to_the_replica_and_encrypts_with_its_key(production: Deployment) -> None:
    replication = production["backups-replication"]
    assert replication.provider == "aws-primary"
    (rule,) = replication.inputs["rules"]
    assert rule["destination"]["bucket"] == production["backups-replica-bucket"].outputs["arn"]
    assert rule["destination"]["encryptionConfiguration"] == {
        "replicaKmsKeyId": production["backups-replica-key"].outputs["arn"]
    }
    assert rule["destination"]["account"] == "210987654321"
    assert rule["destination"]["accessControlTranslation"] == {"owner": "Destination"}


def test_the_replicas_account_takes_what_is_replicated_and_lets_the_replicator_encrypt(
    production: Deployment,
) -> None:
    replicator = {"AWS": "arn:aws:iam::123456789012:role/example-vault-replicator"}
    takes = production["backups-replica-policy"].policy()["TakesReplicas"]
    encrypts = production["backups-replica-key"].policy()["ReplicationEncrypts"]
    assert takes["Principal"] == encrypts["Principal"] == replicator
    assert set(encrypts["Action"]) == {"kms:Encrypt", "kms:GenerateDataKey"}
    for name in ("backups-vault-policy", "backups-vault-key"):
        assert {"TakesReplicas", "ReplicationEncrypts"}.isdisjoint(production[name].policy())


def test_the_replicator_reads_one_bucket_writes_the_other_and_deletes_in_neither(
    production: Deployment,
) -> None:
    source = production["backups-vault-bucket"].outputs["arn"]
    replica = production["backups-replica-bucket"].outputs["arn"]
    statements = production["backups-replicator-policy"].policy()
    resources = {sid: statement["Resource"] for sid, statement in statements.items()}
    # test_components_identity checks the keys of the last two.
    keys = {resources.pop("Decrypt"), resources.pop("Encrypt")}
    assert keys == {"arn:aws:kms:eu-west-1:123456789012:key/*", "arn:aws:kms:eu-north-1:210987654321:key/*"}
    assert resources == {
        "ReadSource": source,
        "ReadVersions": f"{source}/*",
        "WriteReplica": f"{replica}/*",
    }
    actions = {
        action
        for statement in statements.values()
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    }
    assert not [action for action in actions if "Delete" in action or "*" in action]
    (trust,) = production["backups-replicator"].policy("assumeRolePolicy").values()
    assert trust["Principal"] == {"Service": "s3.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_the_replicators_policy_waits_for_its_role(production: Deployment) -> None:
    policy = production["backups-replicator-policy"]
    assert policy.inputs["role"] == "example-vault-replicator"
    assert policy.property_dependencies == {"role": {"backups-replicator"}}


def test_no_resource_of_the_replica_is_created_before_the_replication_role(production: Deployment) -> None:
    # In another account the replica's bucket and key policies name that role, and AWS refuses one that is not
    # there. A component's children are registered after what the component itself depends on.
    assert production["backups-replica"].dependencies == {
        "backups-replicator",
        "backups-administration-break-glass-policy",
        "backups-replica-administration-break-glass-policy",
    }
    made = list(production.resources)
    for name in ("backups-replica", *production.children("backups-replica")):
        assert made.index("backups-replicator") < made.index(name), name


def _s3(production: Deployment, region: str) -> Any:
    account = role_clients.THERE if region == "eu-north-1" else role_clients.ACCOUNT
    return role_clients.administrator(production.installation.home, account).client("s3", region)


@pytest.mark.parametrize("named", VAULTS)
def test_an_upload_that_leaves_encryption_to_the_bucket_is_taken_and_one_that_names_any_refused(
    production: Deployment, named: str
) -> None:
    bucket = production["backups-vault-bucket"].id
    s3 = _s3(production, "eu-west-1")
    taken = s3.put_object(Bucket=bucket, Key="evidence/of-a-test.txt", Body=b"proof")
    assert taken["ServerSideEncryption"] == "aws:kms"
    # Without a key id, aws:kms is the account's shared key.
    for weaker in ("AES256", "aws:kms"):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(
                Bucket=bucket, Key="evidence/of-a-test.txt", Body=b"proof", ServerSideEncryption=weaker
            )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(
            Bucket=bucket,
            Key="evidence/of-a-test.txt",
            Body=b"proof",
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=production[f"{named}-key"].outputs["arn"],
        )
