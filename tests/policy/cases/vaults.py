"""The rules about buckets, above all those that hold backups, and about keys."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, Toy, altered, named, production, secret, without

VAULT = "backups-vault"
BUCKET = "backups-vault-bucket"
LOG = "backups-vault-access-log"
WRITER = "backups-identity-backup-writer"
REPLICATION = "backups-replication"
NAME = "example-vault-123456789012-eu-west-1"
ARN = f"arn:aws:s3:::{NAME}"
REPLICA_ARN = "arn:aws:s3:::example-vault-123456789012-eu-north-1"


def change(name: str, **changes: Any) -> Change:
    return lambda stack: altered(stack, name, **changes)


def drop(*names: str) -> Change:
    return lambda stack: without(stack, *names)


def add(*toys: Toy) -> Change:
    return lambda stack: [*stack, *toys]


def both(*changes: Change) -> Change:
    def change_all(stack: Sequence[Toy]) -> Sequence[Toy]:
        for one in changes:
            stack = one(stack)
        return stack

    return change_all


def aws(kind: str, called: str, /, **inputs: Any) -> Toy:
    return Toy(f"aws:{kind}", called, inputs, provider="aws")


def document(name: str, edit: Callable[[list[dict[str, Any]]], object]) -> Change:
    """Change the statements of a policy."""

    def changed(stack: Sequence[Toy]) -> Sequence[Toy]:
        policy = json.loads(named(stack, name).inputs["policy"])
        edit(policy["Statement"])
        return altered(stack, name, policy=json.dumps(policy))

    return changed


def statement(name: str, sid: str, **changes: Any) -> Change:
    """Change one statement of a policy; ABSENT takes a part away."""

    def edit(statements: list[dict[str, Any]]) -> None:
        one = next(one for one in statements if one["Sid"] == sid)
        one.update(changes)
        for key, value in changes.items():
            if value is ABSENT:
                del one[key]

    return document(name, edit)


def no_statement(name: str, sid: str) -> Change:
    return document(name, lambda said: said.remove(next(one for one in said if one["Sid"] == sid)))


def more(name: str, **added: Any) -> Change:
    return document(name, lambda said: said.append(added))


def allow(action: str | list[str], resource: str, **added: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **added}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Statement": statements})


def inputs_of(name: str) -> dict[str, Any]:
    return named(production(), name).inputs


def as_secret(name: str, *inputs: str) -> Change:
    return change(name, **{key: secret(inputs_of(name)[key]) for key in inputs})


def as_object(name: str) -> Change:
    """Give a policy as an object instead of JSON text, as pulumi-aws takes both."""
    return change(name, policy=json.loads(inputs_of(name)["policy"]))


def second(name: str, **inputs: Any) -> Change:
    """Add a second resource of the same kind on the same bucket: it takes the first's place."""
    first = named(production(), name)
    return add(replace(first, name=f"{name}-again", inputs={"bucket": NAME, **inputs}))


def made_from(name: str, **inputs: list[str]) -> Change:
    return lambda stack: [
        replace(toy, made_from={**toy.made_from, **inputs}) if toy.name == name else toy for toy in stack
    ]


TLS = {"Bool": {"aws:SecureTransport": "false"}}
DELETING = json.loads(inputs_of(f"{VAULT}-policy")["policy"])["Statement"][4]["Action"]
POLICY = f"{VAULT}-policy"
RULE = inputs_of(REPLICATION)["rules"][0]
WHO = "aws:PrincipalArn"
ALGORITHM = "s3:x-amz-server-side-encryption"
OWN_KEY = f"{ALGORITHM}-customer-algorithm"
NEW_ONLY = "s3:if-none-match"
PARTS = "s3:ObjectCreationOperation"
THE_WRITER = "arn:aws:iam::*:role/example-backup-writer"
DAILY, FILES, HIDING, CLEAN_UP = 0, 6, 7, 8  # the places of lifecycle rules
EXPIRIES = inputs_of(f"{VAULT}-lifecycle")["rules"]
INLINE_EXPIRIES = [
    {
        "enabled": True,
        "prefix": rule["filter"].get("and", rule["filter"])["prefix"],
        "tags": rule["filter"].get("and", {}).get("tags"),
        "expiration": rule.get("expiration", {}),
        "noncurrentVersionExpiration": {
            "days": rule.get("noncurrentVersionExpiration", {}).get("noncurrentDays")
        },
        "abortIncompleteMultipartUploadDays": rule.get("abortIncompleteMultipartUpload", {}).get(
            "daysAfterInitiation"
        ),
    }
    for rule in EXPIRIES
]

CASES = (
    Case(
        rule="vault-is-versioned",
        at=BUCKET,
        weak=(
            change(f"{VAULT}-versioning", versioningConfiguration__status="Suspended"),
            second(f"{VAULT}-versioning", versioningConfiguration={"status": "Disabled"}),
            both(drop(f"{VAULT}-versioning"), change(BUCKET, versioning={"enabled": False})),
        ),
        absent=(
            drop(f"{VAULT}-versioning"),
            change(f"{VAULT}-versioning", versioningConfiguration__status=ABSENT),
            change(f"{VAULT}-versioning", versioningConfiguration=ABSENT),
        ),
        unknown=(
            change(f"{VAULT}-versioning", versioningConfiguration__status=UNKNOWN),
            change(f"{VAULT}-versioning", versioningConfiguration=UNKNOWN),
        ),
        secret=(change(f"{VAULT}-versioning", versioningConfiguration__status=secret("Enabled")),),
        fine=(both(drop(f"{VAULT}-versioning"), change(BUCKET, versioning={"enabled": True})),),
    ),
    Case(
        rule="vault-is-locked",
        at=BUCKET,
        weak=(
            change(BUCKET, objectLockEnabled=False),
            change(f"{VAULT}-lock", rule__defaultRetention__mode="GOVERNANCE"),
            change(f"{VAULT}-lock", rule__defaultRetention__days=29),
            change(f"{VAULT}-lock", rule__defaultRetention__days="30"),
            change(f"{VAULT}-lock", rule__defaultRetention={"mode": "COMPLIANCE", "years": 0}),
            second(f"{VAULT}-lock", rule={"defaultRetention": {"mode": "COMPLIANCE", "days": 1}}),
        ),
        absent=(
            drop(f"{VAULT}-lock"),
            change(BUCKET, objectLockEnabled=ABSENT),
            change(f"{VAULT}-lock", rule=ABSENT),
            change(f"{VAULT}-lock", rule__defaultRetention__mode=ABSENT),
            change(f"{VAULT}-lock", rule__defaultRetention__days=ABSENT),
        ),
        unknown=(
            change(BUCKET, objectLockEnabled=UNKNOWN),
            change(f"{VAULT}-lock", rule__defaultRetention__mode=UNKNOWN),
            change(f"{VAULT}-lock", rule__defaultRetention__days=UNKNOWN),
            change(f"{VAULT}-lock", rule=UNKNOWN),
        ),
        secret=(
            change(f"{VAULT}-lock", rule__defaultRetention__mode=secret("COMPLIANCE")),
            change(f"{VAULT}-lock", rule__defaultRetention__days=secret(30)),
        ),
        fine=(
            change(f"{VAULT}-lock", rule__defaultRetention={"mode": "COMPLIANCE", "years": 1}),
            both(
                drop(f"{VAULT}-lock"),
                change(
                    BUCKET,
                    objectLockConfiguration={
                        "rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 30}}
                    },
                ),
            ),
        ),
    ),
    Case(
        rule="vault-is-encrypted-with-its-own-key",
        at=BUCKET,
        weak=(
            change(
                f"{VAULT}-encryption",
                rules__0__applyServerSideEncryptionByDefault__sseAlgorithm="AES256",
            ),
            change(f"{VAULT}-encryption", rules__0__bucketKeyEnabled=False),
            change(
                f"{VAULT}-encryption",
                rules__0__applyServerSideEncryptionByDefault__kmsMasterKeyId="alias/aws/s3",
            ),
            made_from(f"{VAULT}-encryption", rules=["backups-replica-key"]),
            second(f"{VAULT}-encryption", rules=[]),
            second(
                f"{VAULT}-encryption",
                rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
            ),
        ),
        absent=(
            drop(f"{VAULT}-encryption"),
            change(f"{VAULT}-encryption", rules=ABSENT),
            change(f"{VAULT}-encryption", rules__0__applyServerSideEncryptionByDefault=ABSENT),
            change(
                f"{VAULT}-encryption",
                rules__0__applyServerSideEncryptionByDefault__kmsMasterKeyId=ABSENT,
            ),
            change(f"{VAULT}-encryption", rules__0__bucketKeyEnabled=ABSENT),
        ),
        unknown=(
            made_from(f"{VAULT}-encryption", rules=[]),
            change(f"{VAULT}-encryption", rules__0__applyServerSideEncryptionByDefault__sseAlgorithm=UNKNOWN),
            change(f"{VAULT}-encryption", rules__0__bucketKeyEnabled=UNKNOWN),
        ),
        secret=(
            change(
                f"{VAULT}-encryption",
                rules__0__applyServerSideEncryptionByDefault__sseAlgorithm=secret("aws:kms"),
            ),
        ),
        fine=(
            # An alias of the vault's key, by its name or made from it.
            change(
                f"{VAULT}-encryption",
                rules__0__applyServerSideEncryptionByDefault__kmsMasterKeyId="alias/example-vault-eu-west-1",
            ),
            made_from(f"{VAULT}-encryption", rules=[f"{VAULT}-key-alias"]),
            both(
                drop(f"{VAULT}-encryption"),
                change(
                    BUCKET,
                    serverSideEncryptionConfiguration={"rule": inputs_of(f"{VAULT}-encryption")["rules"][0]},
                ),
                made_from(BUCKET, serverSideEncryptionConfiguration=[f"{VAULT}-key"]),
            ),
        ),
    ),
    Case(
        rule="key-rotates",
        at=f"{VAULT}-key",
        weak=(
            change(f"{VAULT}-key", enableKeyRotation=False),
            change(f"{VAULT}-key", rotationPeriodInDays=366),
            change(f"{VAULT}-key", rotationPeriodInDays=True),
        ),
        absent=(
            change(f"{VAULT}-key", enableKeyRotation=ABSENT),
            change(f"{VAULT}-key", rotationPeriodInDays=ABSENT),
        ),
        unknown=(
            change(f"{VAULT}-key", enableKeyRotation=UNKNOWN),
            change(f"{VAULT}-key", rotationPeriodInDays=UNKNOWN),
        ),
        secret=(as_secret(f"{VAULT}-key", "enableKeyRotation", "rotationPeriodInDays"),),
        fine=(
            change(f"{VAULT}-key", rotationPeriodInDays=90),
            # Keys that sign can't rotate by themselves.
            add(aws("kms/key:Key", "signs", customerMasterKeySpec="RSA_2048")),
        ),
    ),
    Case(
        rule="key-outlives-a-mistake",
        at=f"{VAULT}-key",
        weak=(change(f"{VAULT}-key", deletionWindowInDays=7),),
        absent=(change(f"{VAULT}-key", deletionWindowInDays=ABSENT),),
        unknown=(change(f"{VAULT}-key", deletionWindowInDays=UNKNOWN),),
        secret=(as_secret(f"{VAULT}-key", "deletionWindowInDays"),),
    ),
    Case(
        rule="key-is-governed",
        at=f"{VAULT}-key",
        weak=(
            more(f"{VAULT}-key", Principal="*", **allow("kms:Decrypt", "*")),
            more(f"{VAULT}-key", Principal={"AWS": ["*"]}, **allow("kms:*", "*")),
            more(f"{VAULT}-key", NotPrincipal={"AWS": "arn:aws:iam::1:root"}, **allow("kms:*", "*")),
            more(
                f"{VAULT}-key",
                Principal="*",
                Condition={"StringLike": {"kms:CallerAccount": "*"}},
                **allow("kms:*", "*"),
            ),
            more(
                f"{VAULT}-key",
                Principal="*",
                Condition={"Bool": {"aws:SecureTransport": "true"}},
                **allow("kms:*", "*"),
            ),
            statement(f"{VAULT}-key", "AccountAdministers", Action="kms:Decrypt"),
            change(f"{VAULT}-key", bypassPolicyLockoutSafetyCheck=True),
            change(f"{VAULT}-key", policy="{"),
            add(
                aws(
                    "kms/keyPolicy:KeyPolicy",
                    "open",
                    keyId="alias/example-vault-eu-west-1",
                    policy=policy(allow("kms:*", "*", Principal="*")),
                )
            ),
        ),
        absent=(change(f"{VAULT}-key", policy=ABSENT),),
        unknown=(
            change(f"{VAULT}-key", policy=UNKNOWN),
            change(f"{VAULT}-key", policy={"Statement": [{"Effect": "Allow", "Principal": UNKNOWN}]}),
            change(f"{VAULT}-key", bypassPolicyLockoutSafetyCheck=UNKNOWN),
        ),
        secret=(as_secret(f"{VAULT}-key", "policy"),),
        fine=(
            as_object(f"{VAULT}-key"),
            more(
                f"{VAULT}-key",
                Principal="*",
                Condition={"StringEquals": {"kms:CallerAccount": "123456789012"}},
                **allow("kms:Decrypt", "*"),
            ),
            both(
                change(f"{VAULT}-key", policy=ABSENT),
                lambda stack: [
                    *stack,
                    replace(
                        aws(
                            "kms/keyPolicy:KeyPolicy",
                            "apart",
                            keyId=UNKNOWN,
                            policy=inputs_of(f"{VAULT}-key")["policy"],
                        ),
                        made_from={"keyId": [f"{VAULT}-key"]},
                    ),
                ],
            ),
        ),
    ),
    Case(
        rule="bucket-is-closed-to-the-public",
        at=BUCKET,
        weak=(
            *(
                change(f"{VAULT}-public-access", **{flag: False})
                for flag in (
                    "blockPublicAcls",
                    "blockPublicPolicy",
                    "ignorePublicAcls",
                    "restrictPublicBuckets",
                )
            ),
            more(POLICY, Principal="*", **allow("s3:GetObject", f"{ARN}/*")),
            more(POLICY, Principal={"AWS": "*"}, **allow("s3:ListBucket", ARN)),
            more(
                POLICY,
                Principal="*",
                Condition={"StringEqualsIfExists": {"aws:PrincipalAccount": "123456789012"}},
                **allow("s3:GetObject", f"{ARN}/*"),
            ),
            second(
                f"{VAULT}-public-access", **{**inputs_of(f"{VAULT}-public-access"), "blockPublicAcls": False}
            ),
            change(BUCKET, policy=policy(allow("s3:*", f"{ARN}/*", Principal="*"))),
        ),
        absent=(
            drop(f"{VAULT}-public-access"),
            change(f"{VAULT}-public-access", blockPublicPolicy=ABSENT),
            change(POLICY, policy=ABSENT),
        ),
        unknown=(
            change(f"{VAULT}-public-access", ignorePublicAcls=UNKNOWN),
            change(POLICY, policy=UNKNOWN),
        ),
        secret=(as_secret(f"{VAULT}-public-access", "blockPublicAcls"), as_secret(POLICY, "policy")),
        fine=(
            drop(POLICY),
            more(
                POLICY,
                Principal="*",
                Condition={"StringEquals": {"aws:PrincipalOrgID": "o-example"}},
                **allow("s3:GetObject", f"{ARN}/*"),
            ),
        ),
    ),
    Case(
        rule="bucket-ignores-access-control-lists",
        at=BUCKET,
        weak=(
            change(f"{VAULT}-ownership", rule__objectOwnership="ObjectWriter"),
            change(BUCKET, acl="private"),
            change(BUCKET, grants=[{"type": "Group", "permissions": ["READ"]}]),
            add(aws("s3/bucketAclV2:BucketAclV2", "acl", bucket=NAME, acl="public-read")),
        ),
        absent=(drop(f"{VAULT}-ownership"), change(f"{VAULT}-ownership", rule=ABSENT)),
        unknown=(
            change(f"{VAULT}-ownership", rule__objectOwnership=UNKNOWN),
            change(BUCKET, acl=UNKNOWN),
        ),
        secret=(change(f"{VAULT}-ownership", rule__objectOwnership=secret("BucketOwnerEnforced")),),
    ),
    Case(
        rule="bucket-demands-encrypted-transport",
        at=BUCKET,
        weak=(
            no_statement(POLICY, "OnlyTls"),
            statement(POLICY, "OnlyTls", Effect="Allow"),
            statement(POLICY, "OnlyTls", Principal={"AWS": "arn:aws:iam::123456789012:root"}),
            statement(POLICY, "OnlyTls", Principal=ABSENT, NotPrincipal={"AWS": "arn:aws:iam::1:root"}),
            statement(POLICY, "OnlyTls", Action="s3:Get*"),
            statement(POLICY, "OnlyTls", Action=ABSENT, NotAction="s3:GetObject"),
            statement(POLICY, "OnlyTls", Resource=ARN),
            statement(POLICY, "OnlyTls", Resource=f"{ARN}/*"),
            statement(POLICY, "OnlyTls", Resource=[ARN, f"{ARN}/state/*"]),
            statement(POLICY, "OnlyTls", Resource=[REPLICA_ARN, f"{REPLICA_ARN}/*"]),
            statement(POLICY, "OnlyTls", Condition={"Bool": {"aws:SecureTransport": "true"}}),
            statement(POLICY, "OnlyTls", Condition={**TLS, "IpAddress": {"aws:SourceIp": "192.0.2.1"}}),
            second(POLICY, policy=policy(allow("s3:ListBucket", ARN, Principal={"AWS": "1"}))),
        ),
        absent=(
            drop(POLICY),
            change(POLICY, policy=ABSENT),
            statement(POLICY, "OnlyTls", Condition=ABSENT),
        ),
        unknown=(
            change(POLICY, policy=UNKNOWN),
            change(POLICY, policy={"Statement": [{"Effect": "Deny", "Resource": UNKNOWN}]}),
        ),
        secret=(as_secret(POLICY, "policy"),),
        fine=(
            as_object(POLICY),
            statement(POLICY, "OnlyTls", Principal={"AWS": "*"}, Action="*", Resource=f"{ARN}*"),
            statement(POLICY, "OnlyTls", Condition={"BoolIfExists": {"aws:SecureTransport": False}}),
            both(drop(POLICY), change(BUCKET, policy=inputs_of(POLICY)["policy"])),
        ),
    ),
    Case(
        rule="vault-demands-current-tls",
        at=BUCKET,
        weak=(
            no_statement(POLICY, "OnlyCurrentTls"),
            statement(POLICY, "OnlyCurrentTls", Effect="Allow"),
            statement(POLICY, "OnlyCurrentTls", Condition={"NumericLessThan": {"s3:TlsVersion": "1.1"}}),
            statement(POLICY, "OnlyCurrentTls", Condition={"NumericLessThan": {"s3:TlsVersion": "new"}}),
            statement(POLICY, "OnlyCurrentTls", Condition={"NumericEquals": {"s3:TlsVersion": "1.2"}}),
            statement(POLICY, "OnlyCurrentTls", Resource=f"{ARN}/*"),
        ),
        absent=(drop(POLICY), statement(POLICY, "OnlyCurrentTls", Condition=ABSENT)),
        unknown=(change(POLICY, policy=UNKNOWN),),
        secret=(as_secret(POLICY, "policy"),),
        fine=(statement(POLICY, "OnlyCurrentTls", Condition={"NumericLessThan": {"s3:TlsVersion": 1.3}}),),
    ),
    Case(
        rule="vault-refuses-other-encryption",
        at=BUCKET,
        weak=(
            no_statement(POLICY, "OnlyDefaultEncryption"),
            no_statement(POLICY, "NoOwnKey"),
            # Takes the account's shared key.
            statement(
                POLICY,
                "OnlyDefaultEncryption",
                Condition={"Null": {ALGORITHM: "false"}, "StringNotEquals": {ALGORITHM: "aws:kms"}},
            ),
            statement(POLICY, "OnlyDefaultEncryption", Condition={"StringEquals": {ALGORITHM: "AES256"}}),
            statement(POLICY, "OnlyDefaultEncryption", Condition={"Null": {ALGORITHM: "true"}}),
            statement(POLICY, "OnlyDefaultEncryption", Resource=f"{ARN}/database/*"),
            statement(POLICY, "OnlyDefaultEncryption", Action="s3:PutObjectAcl"),
            statement(POLICY, "OnlyDefaultEncryption", Principal={"AWS": "arn:aws:iam::123456789012:root"}),
            statement(
                POLICY, "NoOwnKey", Condition={"Null": {OWN_KEY: "false"}, "ArnLike": {WHO: THE_WRITER}}
            ),
        ),
        absent=(drop(POLICY), statement(POLICY, "OnlyDefaultEncryption", Condition=ABSENT)),
        unknown=(change(POLICY, policy=UNKNOWN),),
        secret=(as_secret(POLICY, "policy"),),
        fine=(statement(POLICY, "NoOwnKey", Action="s3:*"),),
    ),
    Case(
        rule="vault-denies-deletion",
        at=BUCKET,
        weak=(
            no_statement(POLICY, "WriterOnlyAdds"),
            *(
                statement(POLICY, "WriterOnlyAdds", Action=[one for one in DELETING if one != action])
                for action in DELETING
            ),
            statement(POLICY, "WriterOnlyAdds", Effect="Allow"),
            statement(POLICY, "WriterOnlyAdds", Resource=ARN),
            statement(POLICY, "WriterOnlyAdds", Resource=f"{ARN}/*"),
            statement(POLICY, "WriterOnlyAdds", Action=ABSENT, NotAction="s3:GetObject"),
            statement(
                POLICY, "WriterOnlyAdds", Condition={"ArnLike": {WHO: "arn:aws:iam::*:role/another-writer"}}
            ),
            statement(
                POLICY,
                "WriterOnlyAdds",
                Condition={"ArnLike": {WHO: "arn:aws:iam::999999999999:role/example-backup-writer"}},
            ),
            # Without Like, a wildcard stands for itself.
            statement(POLICY, "WriterOnlyAdds", Condition={"StringEquals": {WHO: THE_WRITER}}),
            statement(POLICY, "WriterOnlyAdds", Condition={"ArnNotLike": {WHO: THE_WRITER}}),
            statement(POLICY, "WriterOnlyAdds", Condition={"ArnLike": {WHO: THE_WRITER}, **TLS}),
            statement(POLICY, "WriterOnlyAdds", Principal={"AWS": "arn:aws:iam::123456789012:role/other"}),
            statement(POLICY, "WriterOnlyAdds", Principal=ABSENT, NotPrincipal={"AWS": "1"}),
            more(
                POLICY,
                Principal={"AWS": "arn:aws:iam::123456789012:role/janitor"},
                **allow("s3:Delete*", f"{ARN}/*"),
            ),
            # Another role that writes.
            add(
                aws("iam/role:Role", "hand", name="hand"),
                aws(
                    "iam/rolePolicy:RolePolicy",
                    "may-write",
                    role="hand",
                    policy=policy(allow("s3:Put*", f"{ARN}/state/*")),
                ),
            ),
            # Nobody of the stack writes, and the policy speaks of no one.
            both(
                drop(f"{WRITER}-policy"),
                statement(POLICY, "WriterOnlyAdds", Condition=TLS),
            ),
        ),
        absent=(drop(POLICY),),
        unknown=(change(POLICY, policy=UNKNOWN),),
        secret=(
            as_secret(POLICY, "policy"),
            lambda stack: [
                replace(toy, inputs={**toy.inputs, "name": secret("example-backup-writer")})
                if toy.name == WRITER
                else toy
                for toy in stack
            ],
        ),
        fine=(
            statement(POLICY, "WriterOnlyAdds", Condition=ABSENT),
            statement(POLICY, "WriterOnlyAdds", Action="s3:*"),
            statement(POLICY, "WriterOnlyAdds", Condition={"ArnNotLike": {WHO: "arn:aws:iam::*:role/admin"}}),
            statement(
                POLICY,
                "WriterOnlyAdds",
                Condition=ABSENT,
                Principal={"AWS": "arn:aws:iam::123456789012:role/example-backup-writer"},
            ),
            drop(f"{WRITER}-policy"),
        ),
    ),
    Case(
        rule="writer-cannot-delete",
        at=WRITER,
        weak=(
            more(f"{WRITER}-policy", **allow("s3:DeleteObject", f"{ARN}/*")),
            more(f"{WRITER}-policy", **allow("S3:deleteobject*", f"{ARN}/state/*")),
            more(f"{WRITER}-policy", **allow("s3:*", REPLICA_ARN)),
            more(f"{WRITER}-policy", **allow("*", "*")),
            more(f"{WRITER}-policy", **allow("s3:BypassGovernanceRetention", "arn:aws:s3:::example-*")),
            more(f"{WRITER}-policy", **allow("s3:PutObjectRetention", f"{ARN}/*")),
            more(f"{WRITER}-policy", **allow("s3:PutObjectLegalHold", f"{ARN}/*")),
            more(f"{WRITER}-policy", **allow("s3:PutBucketVersioning", ARN)),
            more(f"{WRITER}-policy", **allow("s3:PutBucketObjectLockConfiguration", ARN)),
            more(f"{WRITER}-policy", **allow("s3:PutLifecycleConfiguration", ARN)),
            more(f"{WRITER}-policy", **allow("s3:PutBucketPolicy", ARN)),
            more(f"{WRITER}-policy", **allow("s3:DeleteBucketPolicy", ARN)),
            more(f"{WRITER}-policy", **allow("s3:DeleteBucket", ARN)),
            more(f"{WRITER}-policy", **allow("kms:ScheduleKeyDeletion", "*")),
            more(f"{WRITER}-policy", **allow("kms:DisableKey", "*")),
            more(f"{WRITER}-policy", **allow("kms:PutKeyPolicy", "*")),
            more(f"{WRITER}-policy", Effect="Allow", NotAction="s3:GetObject", Resource=f"{ARN}/*"),
            more(f"{WRITER}-policy", Effect="Allow", Action="s3:DeleteObject", NotResource=f"{ARN}/files/*"),
            # The two halves may stand in different policies of the same role.
            add(
                aws(
                    "iam/rolePolicy:RolePolicy",
                    "more",
                    role="example-backup-writer",
                    policy=policy(allow("s3:DeleteObject", f"{ARN}/*")),
                )
            ),
            change(
                WRITER, inlinePolicies=[{"name": "more", "policy": policy(allow("s3:DeleteObject", "*"))}]
            ),
            lambda stack: [
                *stack,
                aws("iam/policy:Policy", "more", policy=policy(allow("s3:DeleteObject", f"{ARN}/*"))),
                replace(
                    aws(
                        "iam/rolePolicyAttachment:RolePolicyAttachment",
                        "attached",
                        role=UNKNOWN,
                        policyArn=UNKNOWN,
                    ),
                    made_from={"role": [WRITER], "policyArn": ["more"]},
                ),
            ],
            add(
                aws(
                    "iam/rolePolicyAttachment:RolePolicyAttachment",
                    "attached",
                    role="example-backup-writer",
                    policyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess",
                )
            ),
            change(WRITER, managedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
            # A refusal of something else changes nothing.
            both(
                more(f"{WRITER}-policy", **allow("s3:DeleteObject", f"{ARN}/*")),
                more(f"{WRITER}-policy", Effect="Deny", Action="s3:DeleteObject", Resource=f"{ARN}/state/*"),
            ),
        ),
        absent=(change(f"{WRITER}-policy", policy=ABSENT),),
        unknown=(
            change(f"{WRITER}-policy", policy=UNKNOWN),
            change(WRITER, inlinePolicies=[{"name": "more", "policy": UNKNOWN}]),
        ),
        secret=(as_secret(f"{WRITER}-policy", "policy"),),
        fine=(
            as_object(f"{WRITER}-policy"),
            more(f"{WRITER}-policy", **allow("s3:DeleteObject", "arn:aws:s3:::something-else/*")),
            both(
                more(f"{WRITER}-policy", **allow("s3:*Object", f"{ARN}/*")),
                more(f"{WRITER}-policy", Effect="Deny", Action="s3:DeleteObject", Resource=[ARN, f"{ARN}/*"]),
            ),
            # Whoever deletes but writes nothing, such as a janitor, is another rule's business.
            more(f"{WRITER.removesuffix('backup-writer')}deployer-policy", **allow("s3:DeleteObject", "*")),
        ),
    ),
    Case(
        rule="writer-cannot-overwrite",
        at=WRITER,
        weak=(
            statement(f"{WRITER}-policy", "AddOnce", Condition={"Null": {NEW_ONLY: "true"}}),
            statement(f"{WRITER}-policy", "AddParts", Condition={"Bool": {PARTS: "true"}}),
            statement(f"{WRITER}-policy", "AddFiles", Resource=f"{ARN}/*"),
            statement(f"{WRITER}-policy", "AddFiles", Resource=f"{ARN}/file*"),
            more(f"{WRITER}-policy", **allow("s3:Put*", f"{ARN}/database/*")),
            more(f"{WRITER}-policy", Effect="Allow", Action="s3:PutObject", NotResource=f"{ARN}/database/*"),
            both(
                statement(f"{WRITER}-policy", "AddOnce", Condition=ABSENT),
                more(
                    POLICY,
                    Effect="Deny",
                    Principal="*",
                    Action="s3:PutObject",
                    Resource=f"{ARN}/state/*",
                    Condition={"Null": {NEW_ONLY: "true"}},
                ),
            ),
        ),
        absent=(
            statement(f"{WRITER}-policy", "AddOnce", Condition=ABSENT),
            statement(f"{WRITER}-policy", "AddParts", Condition=ABSENT),
        ),
        unknown=(change(f"{WRITER}-policy", policy=UNKNOWN),),
        secret=(as_secret(f"{WRITER}-policy", "policy"),),
        fine=(
            statement(f"{WRITER}-policy", "AddFiles", Resource=f"{ARN}/files/documents/*"),
            # The bucket itself asks every writer.
            both(
                statement(f"{WRITER}-policy", "AddOnce", Condition=ABSENT),
                more(
                    POLICY,
                    Effect="Deny",
                    Principal="*",
                    Action="s3:PutObject",
                    Resource=f"{ARN}/*",
                    Condition={"Null": {NEW_ONLY: "true"}, "Bool": {PARTS: "true"}},
                ),
            ),
        ),
    ),
    Case(
        rule="vault-expires-every-tier",
        at=BUCKET,
        weak=(
            *(
                change(f"{VAULT}-lifecycle", **{f"rules__{number}__status": "Disabled"})
                for number in range(len(EXPIRIES))
            ),
            *(
                change(f"{VAULT}-lifecycle", **{f"rules__{number}__filter__prefix": "elsewhere/"})
                for number in range(HIDING)
            ),
            change(f"{VAULT}-lifecycle", rules__0__expiration__days=36),
            change(f"{VAULT}-lifecycle", rules__0__filter__tag={"key": "old", "value": "yes"}),
            change(f"{VAULT}-lifecycle", rules__0__noncurrentVersionExpiration__noncurrentDays=36),
            change(f"{VAULT}-lifecycle", rules__6__noncurrentVersionExpiration__noncurrentDays=31),
            change(VAULT, tiers__new=10),
        ),
        absent=(
            drop(f"{VAULT}-lifecycle"),
            change(f"{VAULT}-lifecycle", rules=ABSENT),
            change(f"{VAULT}-lifecycle", rules__0__status=ABSENT),
            change(f"{VAULT}-lifecycle", rules__0__expiration=ABSENT),
            change(f"{VAULT}-lifecycle", rules__0__noncurrentVersionExpiration=ABSENT),
            change(f"{VAULT}-lifecycle", rules__6__noncurrentVersionExpiration=ABSENT),
            # Of whoever promises no tiers, earlier versions must expire in the whole bucket.
            change(VAULT, tiers=ABSENT),
        ),
        unknown=(
            change(f"{VAULT}-lifecycle", rules__0__status=UNKNOWN),
            change(f"{VAULT}-lifecycle", rules__0__expiration__days=UNKNOWN),
            change(f"{VAULT}-lifecycle", rules__6__noncurrentVersionExpiration=UNKNOWN),
            both(
                change(VAULT, tiers=UNKNOWN),
                change(f"{VAULT}-lifecycle", rules__8__noncurrentVersionExpiration={"noncurrentDays": 30}),
            ),
        ),
        secret=(
            as_secret(VAULT, "tiers"),
            change(f"{VAULT}-lifecycle", rules__0__expiration__days=secret(35)),
        ),
        fine=(
            change(f"{VAULT}-lifecycle", rules__0__filter={"and": {"prefix": "database/daily/"}}),
            both(drop(f"{VAULT}-lifecycle"), change(BUCKET, lifecycleRules=INLINE_EXPIRIES)),
            both(
                change(VAULT, tiers=ABSENT),
                change(f"{VAULT}-lifecycle", rules__8__noncurrentVersionExpiration={"noncurrentDays": 30}),
            ),
        ),
    ),
    Case(
        rule="vault-expires-nothing-early",
        at=BUCKET,
        weak=(
            *(
                change(f"{VAULT}-lifecycle", **{f"rules__{number}__expiration__days": days - 1})
                for number, days in enumerate((35, 98, 400, 98, 400, 30))
            ),
            change(f"{VAULT}-lifecycle", rules__0__noncurrentVersionExpiration__noncurrentDays=29),
            change(f"{VAULT}-lifecycle", rules__6__noncurrentVersionExpiration__noncurrentDays=29),
            change(f"{VAULT}-lifecycle", rules__6__expiration={"days": 1000}),
            # What hides copies of what is gone does so by the tag of the file backup, where files are.
            change(f"{VAULT}-lifecycle", rules__7__filter={"prefix": "files/"}),
            change(f"{VAULT}-lifecycle", rules__7__filter__and__tags={"another": "yes"}),
            change(f"{VAULT}-lifecycle", rules__7__filter__and__prefix="database/"),
            change(f"{VAULT}-lifecycle", rules__7__filter__and__prefix=""),
            change(f"{VAULT}-lifecycle", rules__7__filter__and__prefix=UNKNOWN),
            change(f"{VAULT}-lifecycle", rules__8__expiration={"days": 399}),
            change(f"{VAULT}-lifecycle", rules__8__noncurrentVersionExpiration={"noncurrentDays": 1}),
            change(f"{VAULT}-lifecycle", rules__8__expiration={"date": "2030-01-01"}),
            change(f"{VAULT}-lifecycle", rules__0__filter__prefix="database/"),
            change(f"{VAULT}-lifecycle", rules__0__filter__prefix=""),
            change(f"{VAULT}-lifecycle", rules__0={"status": "Enabled", "expiration": {"days": 35}}),
            # A rule that leaves something out still expires the rest.
            change(
                f"{VAULT}-lifecycle",
                rules__2__filter={"and": {"prefix": "database/monthly/", "tags": {"a": "b"}}},
                rules__2__expiration__days=5,
            ),
            change("job-database", retentionDays=401),
            change(VAULT, lockDays=31),
            change(f"{VAULT}-lock", rule__defaultRetention__days=60),
            # Without tiers, what jobs promise counts.
            both(change(VAULT, tiers=ABSENT), change("job-database", retentionDays=36)),
            second(f"{VAULT}-lifecycle", rules=[{"status": "Enabled", "expiration": {"days": 1}}]),
            both(
                drop(f"{VAULT}-lifecycle"),
                change(BUCKET, lifecycleRules=[{"enabled": True, "expiration": {"days": 1}}]),
            ),
        ),
        absent=(change("job-database", retentionDays=ABSENT),),
        unknown=(
            change(f"{VAULT}-lifecycle", rules__0__expiration__days=UNKNOWN),
            change(f"{VAULT}-lifecycle", rules__0__noncurrentVersionExpiration__noncurrentDays=UNKNOWN),
            change(f"{VAULT}-lifecycle", rules__8__expiration={"date": UNKNOWN}),
            change("job-database", retentionDays=UNKNOWN),
            change(VAULT, tiers=UNKNOWN),
        ),
        secret=(
            as_secret(VAULT, "tiers"),
            as_secret("job-database", "retentionDays"),
            change(f"{VAULT}-lifecycle", rules__0__expiration__days=secret(35)),
        ),
        fine=(
            change(f"{VAULT}-lifecycle", rules__0__expiration__days=36),
            change(f"{VAULT}-lifecycle", rules__8__status="Disabled", rules__8__expiration={"days": 1}),
            both(drop(f"{VAULT}-lifecycle"), change(BUCKET, lifecycleRules=INLINE_EXPIRIES)),
            # What never expires doesn't expire early; that it never does is another rule's business.
            drop(f"{VAULT}-lifecycle"),
        ),
    ),
    Case(
        rule="bucket-cleans-up-aborted-uploads",
        at=BUCKET,
        weak=(
            change(f"{VAULT}-lifecycle", rules__8__status="Disabled"),
            change(f"{VAULT}-lifecycle", rules__8__abortIncompleteMultipartUpload__daysAfterInitiation=8),
            change(f"{VAULT}-lifecycle", rules__8__filter__prefix="state/"),
            change(f"{VAULT}-lifecycle", rules__8__filter__objectSizeGreaterThan=5),
        ),
        absent=(
            drop(f"{VAULT}-lifecycle"),
            change(f"{VAULT}-lifecycle", rules=ABSENT),
            change(f"{VAULT}-lifecycle", rules__8__abortIncompleteMultipartUpload=ABSENT),
        ),
        unknown=(
            change(f"{VAULT}-lifecycle", rules__8__status=UNKNOWN),
            change(
                f"{VAULT}-lifecycle", rules__8__abortIncompleteMultipartUpload__daysAfterInitiation=UNKNOWN
            ),
        ),
        secret=(
            change(
                f"{VAULT}-lifecycle",
                rules__8__abortIncompleteMultipartUpload__daysAfterInitiation=secret(7),
            ),
        ),
        fine=(
            change(f"{VAULT}-lifecycle", rules__8__filter=ABSENT),
            both(drop(f"{VAULT}-lifecycle"), change(BUCKET, lifecycleRules=INLINE_EXPIRIES)),
        ),
    ),
    Case(
        rule="vault-is-replicated",
        at=BUCKET,
        weak=(
            change(REPLICATION, rules__0__status="Disabled"),
            change(REPLICATION, rules__0__filter__prefix="state/"),
            change(REPLICATION, rules__0__filter={"tag": {"key": "keep", "value": "yes"}}),
            change(REPLICATION, rules__0__filter={"and": {"prefix": "", "tags": {"keep": "yes"}}}),
            change(REPLICATION, rules__0__prefix="state/"),
            change(REPLICATION, rules__0__deleteMarkerReplication__status="Enabled"),
            change(REPLICATION, rules__0__sourceSelectionCriteria__sseKmsEncryptedObjects__status="Disabled"),
            change(
                REPLICATION,
                rules__0__destination__encryptionConfiguration__replicaKmsKeyId="alias/example-vault-eu-west-1",
            ),
            change(
                REPLICATION,
                rules__0__destination__encryptionConfiguration__replicaKmsKeyId="alias/aws/s3",
            ),
            made_from(REPLICATION, rules=["backups-replica-bucket", f"{VAULT}-key"]),
            change(REPLICATION, rules__0__destination__replicationTime__status="Disabled"),
            change(REPLICATION, rules__0__destination__replicationTime__time__minutes=60),
            change(REPLICATION, rules__0__destination__bucket="arn:aws:s3:::somewhere-else"),
            # A replica in the same account and region is none.
            change("aws-replica", region="eu-west-1"),
            # A second rule that carries delete markers over.
            both(
                change(REPLICATION, rules=[RULE, {**RULE, "deleteMarkerReplication": {"status": "Enabled"}}]),
                made_from(REPLICATION, rules=["backups-replica-bucket", "backups-replica-key"]),
            ),
            # A second rule that is off, or whose bucket is elsewhere, while the first leaves something out.
            both(
                change(REPLICATION, rules=[RULE, {**RULE, "status": "Disabled"}]),
                made_from(REPLICATION, rules=["backups-replica-bucket", "backups-replica-key"]),
            ),
            both(
                change(
                    REPLICATION,
                    rules=[
                        {**RULE, "filter": {"prefix": "state/"}},
                        {**RULE, "destination": {**RULE["destination"], "bucket": ARN}},
                    ],
                ),
                made_from(REPLICATION, rules=["backups-replica-bucket", "backups-replica-key"]),
            ),
        ),
        absent=(
            drop(REPLICATION),
            change(REPLICATION, rules__0__status=ABSENT),
            change(REPLICATION, rules__0__deleteMarkerReplication=ABSENT),
            change(REPLICATION, rules__0__sourceSelectionCriteria=ABSENT),
            change(REPLICATION, rules__0__destination__encryptionConfiguration=ABSENT),
            change(REPLICATION, rules__0__destination__replicationTime=ABSENT),
            change(REPLICATION, rules__0__destination__replicationTime__time=ABSENT),
            change(REPLICATION, rules=ABSENT),
        ),
        unknown=(
            change(REPLICATION, rules__0__status=UNKNOWN),
            change(REPLICATION, rules__0__filter=UNKNOWN),
            change(REPLICATION, rules__0__destination__replicationTime__time__minutes=UNKNOWN),
            change("aws-replica", region=UNKNOWN),
            made_from(REPLICATION, rules=["backups-replica-bucket"]),
        ),
        secret=(
            change(REPLICATION, rules__0__status=secret("Enabled")),
            change(REPLICATION, rules__0__filter__prefix=secret("")),
        ),
        fine=(
            # By names that are known already.
            both(
                change(
                    REPLICATION,
                    rules__0__destination__bucket=REPLICA_ARN,
                    rules__0__destination__encryptionConfiguration__replicaKmsKeyId=(
                        "alias/example-vault-eu-north-1"
                    ),
                ),
                made_from(REPLICATION, bucket=[], rules=[]),
            ),
            change(REPLICATION, rules__0__filter=ABSENT),
            # Another account will do instead of another region.
            change("aws-replica", region="eu-west-1", allowedAccountIds='["210987654321"]'),
        ),
    ),
    Case(
        rule="vault-access-is-logged",
        at=BUCKET,
        weak=(
            change(f"{VAULT}-logging", targetBucket=NAME),
            change(f"{VAULT}-logging", targetBucket="somebody-elses"),
            no_statement(f"{LOG}-policy", "LogDelivery"),
            statement(f"{LOG}-policy", "LogDelivery", Effect="Deny"),
            statement(f"{LOG}-policy", "LogDelivery", Action="s3:GetObject"),
            statement(f"{LOG}-policy", "LogDelivery", Principal={"Service": "cloudtrail.amazonaws.com"}),
            statement(f"{LOG}-policy", "LogDelivery", Condition=TLS),
            more(
                f"{LOG}-policy",
                Principal={"AWS": "arn:aws:iam::123456789012:role/hand"},
                **allow("s3:Put*", "*"),
            ),
            more(
                f"{LOG}-policy",
                Principal={"AWS": "arn:aws:iam::123456789012:role/hand"},
                **allow("s3:DeleteObject", "*"),
            ),
            change(f"{LOG}-lifecycle", rules__0__expiration__days=89),
            change(f"{LOG}-lifecycle", rules__0__expiration={"date": "2031-01-01"}),
        ),
        absent=(
            drop(f"{VAULT}-logging"),
            drop(f"{LOG}-policy"),
            change(f"{VAULT}-logging", targetBucket=ABSENT),
            statement(f"{LOG}-policy", "LogDelivery", Condition=ABSENT),
        ),
        unknown=(
            change(f"{VAULT}-logging", targetBucket=UNKNOWN),
            change(f"{LOG}-policy", policy=UNKNOWN),
            change(f"{LOG}-lifecycle", rules__0__expiration__days=UNKNOWN),
        ),
        secret=(
            as_secret(f"{VAULT}-logging", "targetBucket"),
            as_secret(f"{LOG}-policy", "policy"),
            change(f"{LOG}-lifecycle", rules__0__expiration__days=secret(90)),
        ),
        fine=(
            change(f"{LOG}-lifecycle", rules__0__expiration__days=365),
            both(
                drop(f"{VAULT}-logging"),
                change(BUCKET, logging={"targetBucket": inputs_of(f"{LOG}-bucket")["bucket"]}),
            ),
        ),
    ),
    Case(
        rule="bucket-is-not-force-destroyed",
        at=BUCKET,
        weak=(change(BUCKET, forceDestroy=True),),
        absent=(change(BUCKET, forceDestroy=ABSENT),),
        unknown=(change(BUCKET, forceDestroy=UNKNOWN),),
        secret=(as_secret(BUCKET, "forceDestroy"),),
    ),
)
