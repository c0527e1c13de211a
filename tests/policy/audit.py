"""
Weakenings that an auditor tried, written without a look at the rules or at their cases.

They differ in kind from each other and from the mutations (mutations.py): other principals, other resources
that say the same, values that are there and do not work.
"""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from policy_harness import ABSENT, UNKNOWN, Toy, alter, find_toy, with_options
from weakened_values import allowing, but
from weakened_values import without as without_statement

ProgramEdit = Callable[[Sequence[Toy]], list[Toy]]

_ACCOUNT: Final = "123456789012"
_REPLICA: Final = "210987654321"
_STRANGER: Final = "999999999999"
_NAME: Final = f"example-vault-{_ACCOUNT}-eu-west-1"
_ARN: Final = f"arn:aws:s3:::{_NAME}"
_REPLICA_ARN: Final = f"arn:aws:s3:::example-vault-{_REPLICA}-eu-north-1"
_OIDC: Final = "token.actions.githubusercontent.com"
_SUBJECT: Final = "repo:example@123456/platform@456789:environment:production"


class AuditedWeakening(NamedTuple):
    """A weakening: the property that it breaks, what it does, the rule that must refuse it, and how."""

    property: str
    does: str
    rule: str
    edit: ProgramEdit


def _set(name: str, /, **changes: Any) -> ProgramEdit:
    return lambda stack: alter(stack, name, **changes)


def _document(name: str, path: str, change: Callable[[Any], str]) -> ProgramEdit:
    return lambda stack: alter(stack, name, **{path: change(find_toy(stack, name).inputs[path])})


def _policy(name: str, change: Callable[[Any], str]) -> ProgramEdit:
    return _document(name, "policy", change)


def _add(*toys: Toy) -> ProgramEdit:
    return lambda stack: [*stack, *toys]


def _aws(token: str, name: str, /, **more: Any) -> Toy:
    made_from = more.pop("made_from", {})
    return Toy(f"aws:{token}", name, more, provider=more.pop("provider", "aws-primary"), made_from=made_from)


def _all(*edits: ProgramEdit) -> ProgramEdit:
    def edit(stack: Sequence[Toy]) -> list[Toy]:
        for one in edits:
            stack = one(stack)
        return list(stack)

    return edit


def _statements(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def _trust(principal: Any, **more: Any) -> str:
    return _statements({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


def _append(name: str, path: str, item: Any) -> ProgramEdit:
    return lambda stack: alter(stack, name, **{path: [*find_toy(stack, name).inputs[path], item]})


def _selectors_but(field: dict[str, Any]) -> ProgramEdit:
    """Narrow the second selector of the trail."""

    def edit(stack: Sequence[Toy]) -> list[Toy]:
        selectors = copy.deepcopy(find_toy(stack, "backups-trail-trail").inputs["advancedEventSelectors"])
        selectors[1]["fieldSelectors"].append(field)
        return alter(stack, "backups-trail-trail", advancedEventSelectors=selectors)

    return edit


def _windows() -> ProgramEdit:
    """Add windows that are short each, and together silence the nights of the week."""
    names = [f"window-{number}" for number in range(8)]
    windows = [
        Toy(
            "uptimerobot:index/maintenanceWindow:MaintenanceWindow",
            name,
            {
                "name": name,
                "interval": "daily",
                "time": f"{number:02}:00:00",
                "duration": 30.0,
                "autoAddMonitors": False,
            },
            provider="uptimerobot",
        )
        for number, name in enumerate(names)
    ]

    def edit(stack: Sequence[Toy]) -> list[Toy]:
        monitor = find_toy(stack, "uptime-backend-health")
        made_from = {**monitor.made_from, "maintenanceWindowIds": ["uptime-maintenance", *names]}
        inputs = {**monitor.inputs, "maintenanceWindowIds": [UNKNOWN] * (len(names) + 1)}
        changed = replace(monitor, inputs=inputs, made_from=made_from)
        return [*(changed if one == monitor else one for one in stack), *windows]

    return edit


_STORES: Final = "Stores come back"
_STAY: Final = "Backups stay"
_KEYS: Final = "Keys stay"
_ARRIVE: Final = "Copies arrive"
_OURS: Final = "Backups are nobody else's"
_TAMPERING: Final = "Tampering is told"
_OUTAGES: Final = "Outages are told"
_ERRORS: Final = "Errors are told"
_SILENCE: Final = "Silence is told"
_LITTLE: Final = "Identities do little"
_SECRETS: Final = "Secrets stay secret"
_EXCEPTIONS: Final = "Exceptions end"

ATTEMPTS: Final = (
    AuditedWeakening(
        _STORES,
        "the proof skips the weekends",
        "store-is-proven",
        _set("job-proof", schedule="47 2 * * 1-5"),
    ),
    AuditedWeakening(
        _STORES,
        "a lifecycle moves dumps into an archive of hours",
        "vault-is-read-in-time",
        _set(
            "backups-vault-lifecycle",
            rules__0__transitions=[{"days": 1.0, "storageClass": "DEEP_ARCHIVE"}],
        ),
    ),
    AuditedWeakening(
        _STORES,
        "Intelligent-Tiering archives what is not read",
        "vault-is-read-in-time",
        _add(
            _aws(
                "s3/bucketIntelligentTieringConfiguration:BucketIntelligentTieringConfiguration",
                "tiering",
                bucket=_NAME,
                name="all",
                status="Enabled",
                tierings=[{"accessTier": "ARCHIVE_ACCESS", "days": 90.0}],
            )
        ),
    ),
    AuditedWeakening(
        _STORES,
        "the replica lies in an archive of hours",
        "vault-is-read-in-time",
        _set("backups-replication", rules__0__destination__storageClass="DEEP_ARCHIVE"),
    ),
    AuditedWeakening(
        _STORES,
        "the copy elsewhere lies in the same cloud",
        "store-has-copy-elsewhere",
        _set(
            "elsewhere",
            failureDomain={"cloud": "aws", "provider": "backblaze", "region": "eu-central-003"},
        ),
    ),
    AuditedWeakening(
        _STAY,
        "an access point lets another account delete",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "s3/accessPoint:AccessPoint",
                "door",
                bucket=_NAME,
                policy=_statements(
                    _allow(
                        "s3:DeleteObjectVersion",
                        f"arn:aws:s3:eu-west-1:{_ACCOUNT}:accesspoint/door/object/*",
                        Principal={"AWS": _STRANGER},
                    )
                ),
            )
        ),
    ),
    AuditedWeakening(
        _STAY,
        "a user may delete by the policy of a group",
        "no-long-lived-key",
        _add(
            _aws("iam/user:User", "clean-up", name="clean-up"),
            _aws("iam/group:Group", "cleaners", name="cleaners"),
            _aws(
                "iam/userGroupMembership:UserGroupMembership",
                "cleaning",
                user="clean-up",
                groups=["cleaners"],
            ),
            _aws(
                "iam/groupPolicy:GroupPolicy",
                "cleaning-policy",
                group="cleaners",
                policy=_statements(_allow("s3:DeleteObjectVersion", f"{_ARN}/*")),
            ),
        ),
    ),
    AuditedWeakening(
        _STAY,
        "break-glass trusts another account as well",
        "account-trust-is-conditional",
        _document(
            "backups-administration-break-glass",
            "assumeRolePolicy",
            but("", Principal={"AWS": [f"arn:aws:iam::{one}:root" for one in (_ACCOUNT, _STRANGER)]}),
        ),
    ),
    AuditedWeakening(
        _STAY,
        "a service of AWS may write into the vault, for whomever it works",
        "vault-admits-no-stranger",
        _policy(
            "backups-vault-policy",
            allowing("s3:PutObject", f"{_ARN}/*", Principal={"Service": "delivery.logs.amazonaws.com"}),
        ),
    ),
    AuditedWeakening(
        _STAY,
        "everything but IAM is allowed to the planner",
        "writer-cannot-delete",
        _policy(
            "backups-identity-planner-policy",
            lambda text: _statements(
                *json.loads(text)["Statement"],
                {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
            ),
        ),
    ),
    AuditedWeakening(
        _STAY,
        "an expiry of a day in the past",
        "vault-expires-nothing-early",
        _append(
            "backups-vault-lifecycle",
            "rules",
            {
                "id": "once",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "expiration": {"date": "2020-01-01"},
            },
        ),
    ),
    AuditedWeakening(
        _STAY,
        "a role may take on break-glass",
        "role-cannot-widen-itself",
        _policy(
            "backups-identity-planner-policy",
            allowing("sts:AssumeRole", f"arn:aws:iam::{_ACCOUNT}:role/example-break-glass"),
        ),
    ),
    AuditedWeakening(
        _KEYS, "the vault's key is off", "key-is-usable", _set("backups-vault-key", isEnabled=False)
    ),
    AuditedWeakening(
        _KEYS,
        "a grant hands the key on",
        "key-is-guarded",
        _add(
            _aws(
                "kms/grant:Grant",
                "hand-over",
                keyId=UNKNOWN,
                granteePrincipal=f"arn:aws:iam::{_ACCOUNT}:role/example-planner",
                operations=["CreateGrant", "RetireGrant", "Decrypt"],
                made_from={"keyId": ["backups-vault-key"]},
            )
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "a grant of the replica's key to another account",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "kms/grant:Grant",
                "hand-out",
                keyId=UNKNOWN,
                granteePrincipal=f"arn:aws:iam::{_STRANGER}:root",
                operations=["Decrypt"],
                made_from={"keyId": ["backups-replica-key"]},
                provider="aws-replica",
            )
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "a second key policy replaces the first",
        "key-is-guarded",
        _add(
            _aws(
                "kms/keyPolicy:KeyPolicy",
                "new-policy",
                keyId=UNKNOWN,
                policy=_statements(
                    _allow("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{_ACCOUNT}:root"}),
                ),
                made_from={"keyId": ["backups-vault-key"]},
            )
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "the alias that roles know leads to another key",
        "key-is-usable",
        _set("backups-vault-key-alias", targetKeyId="0f4b1a43-0000-4000-8000-00000000dead"),
    ),
    AuditedWeakening(
        _KEYS,
        "the key can't encrypt",
        "key-is-usable",
        _set("backups-vault-key", keyUsage="SIGN_VERIFY", customerMasterKeySpec="RSA_2048"),
    ),
    AuditedWeakening(
        _KEYS,
        "a second key of another region with an open policy",
        "key-is-governed",
        _add(
            _aws(
                "kms/replicaKey:ReplicaKey",
                "twin-key",
                primaryKeyArn=UNKNOWN,
                policy=_statements(_allow("kms:Decrypt", "*", Principal="*")),
                made_from={"primaryKeyArn": ["backups-vault-key"]},
            )
        ),
    ),
    AuditedWeakening(
        _ARRIVE,
        "the replicator may not decrypt",
        "replicator-can-copy",
        _policy("backups-replicator-policy", without_statement("Decrypt")),
    ),
    AuditedWeakening(
        _ARRIVE,
        "the replicator reads one prefix alone",
        "replicator-can-copy",
        _policy("backups-replicator-policy", but("ReadVersions", Resource=f"{_ARN}/database/*")),
    ),
    AuditedWeakening(
        _ARRIVE,
        "the replica's bucket denies what copies",
        "replicator-can-copy",
        _policy(
            "backups-replica-policy",
            lambda text: _statements(
                *json.loads(text)["Statement"],
                {
                    "Effect": "Deny",
                    "Action": "s3:Replicate*",
                    "Resource": f"{_REPLICA_ARN}/*",
                    "Principal": "*",
                },
            ),
        ),
    ),
    AuditedWeakening(
        _ARRIVE,
        "the replica's key knows no replicator",
        "replicator-can-copy",
        _policy("backups-replica-key", without_statement("ReplicationEncrypts")),
    ),
    AuditedWeakening(
        _ARRIVE,
        "the boundary leaves no replication",
        "replicator-can-copy",
        _policy(
            "backups-administration-boundary",
            lambda text: text.replace("s3:ReplicateObject", "s3:GetBucketTagging"),
        ),
    ),
    AuditedWeakening(
        _ARRIVE,
        "S3 can't take on the role that copies",
        "replicator-can-copy",
        _document(
            "backups-replicator",
            "assumeRolePolicy",
            but("", Principal={"Service": "batchoperations.s3.amazonaws.com"}),
        ),
    ),
    AuditedWeakening(
        _OURS,
        "a second rule replicates to somebody else's bucket",
        "store-has-independent-backup",
        _append(
            "backups-replication",
            "rules",
            {
                "id": "more",
                "status": "Enabled",
                "priority": 2.0,
                "filter": {"prefix": ""},
                "deleteMarkerReplication": {"status": "Disabled"},
                "destination": {"bucket": "arn:aws:s3:::strangers", "account": _STRANGER},
                "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
            },
        ),
    ),
    AuditedWeakening(
        _OURS,
        "the account's block of public access is lifted",
        "bucket-is-closed-to-the-public",
        _add(
            _aws(
                "s3/accountPublicAccessBlock:AccountPublicAccessBlock",
                "account",
                blockPublicAcls=False,
                blockPublicPolicy=False,
                ignorePublicAcls=False,
                restrictPublicBuckets=False,
            )
        ),
    ),
    AuditedWeakening(
        _OURS,
        "a role of another account reads the vault with an external id",
        "key-is-usable",
        _add(
            _aws(
                "iam/role:Role",
                "partner",
                name="partner",
                maxSessionDuration=3600.0,
                permissionsBoundary=f"arn:aws:iam::{_ACCOUNT}:policy/example-boundary",
                assumeRolePolicy=_trust(
                    {"AWS": f"arn:aws:iam::{_STRANGER}:root"},
                    Condition={"StringEquals": {"sts:ExternalId": "42"}},
                ),
            ),
            _aws(
                "iam/rolePolicy:RolePolicy",
                "partner-policy",
                role="partner",
                policy=_statements(_allow("s3:GetObjectVersion", f"{_ARN}/*")),
            ),
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the trail leaves deletions out",
        "vault-account-keeps-a-trail",
        _selectors_but({"field": "eventName", "notEquals": ["DeleteObject"]}),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the trail is off",
        "vault-account-keeps-a-trail",
        _set("backups-trail-trail", enableLogging=False),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the rule listens to a bus on which nothing happens",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-losses", eventBusName="quiet"),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the subscription filters everything out",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-operations", filterPolicy='{"severity": ["none"]}'),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the alarm goes to the machine alone",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-operations", protocol="sqs", endpoint="arn:aws:sqs:eu-west-1:1:q"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the person is told after an hour",
        "endpoint-monitor-is-fast",
        _set("uptime-backend-health", assignedAlertContacts=[{"alertContactId": "1", "threshold": 60.0}]),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the answer's content is never fetched",
        "endpoint-monitor-checks-content",
        _set("uptime-backend-health", httpMethodType="HEAD"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a keyword that every page has",
        "endpoint-monitor-checks-content",
        _set("uptime-backend-health", keywordValue="e"),
    ),
    AuditedWeakening(
        _OUTAGES, "eight short windows add up to nights", "maintenance-window-is-short", _windows()
    ),
    AuditedWeakening(
        _OUTAGES,
        "a window takes every monitor in",
        "maintenance-window-is-short",
        _set("uptime-maintenance", autoAddMonitors=True),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second prober asks once in a while",
        "endpoint-has-second-prober",
        _set("errors-backend-check-health", downtimeThreshold=100.0),
    ),
    AuditedWeakening(
        _ERRORS,
        "a filter drops errors before they count",
        "error-project-drops-nothing",
        _add(
            Toy(
                "sentry:index/projectInboundDataFilter:ProjectInboundDataFilter",
                "drop",
                {
                    "organization": "example",
                    "project": "backend",
                    "filterId": "legacy-browsers",
                    "active": True,
                },
                provider="sentry",
            )
        ),
    ),
    AuditedWeakening(
        _ERRORS,
        "the project discards errors by their message",
        "error-project-drops-nothing",
        _set("errors-backend-project", filters={"errorMessages": ["*"], "releases": ["*"]}),
    ),
    AuditedWeakening(
        _ERRORS,
        "an alert with a condition that no error meets",
        "error-project-has-alerts",
        _set(
            "errors-backend-new-alert",
            actionFilters__0__conditions=[{"issueOccurrences": {"value": 1_000_000.0}}],
        ),
    ),
    AuditedWeakening(
        _ERRORS,
        "one error a day is let in",
        "error-key-has-rate-limit",
        _set("errors-backend-key", rateLimitCount=1.0, rateLimitWindow=86_400.0),
    ),
    AuditedWeakening(
        _ERRORS,
        "a threshold that can't be reached",
        "sentry-monitor-has-alert",
        _set("errors-backend-failure-rate", conditionGroup__conditions__0__comparison=1.5),
    ),
    AuditedWeakening(
        _SILENCE,
        "the cron monitor counts in another time zone",
        "cron-monitor-matches-its-job",
        _set("job-database-cron", timezone="Asia/Tokyo"),
    ),
    AuditedWeakening(
        _SILENCE,
        "a failed job is over only after a year of good runs",
        "cron-monitor-matches-its-job",
        _set("job-database-cron", recoveryThreshold=365.0),
    ),
    AuditedWeakening(
        _SILENCE,
        "the heartbeat waits for a week more",
        "heartbeat-matches-its-job",
        _set("job-database-heartbeat", gracePeriod=604_800.0),
    ),
    AuditedWeakening(
        _LITTLE,
        "another issuer vouches for the repository",
        "role-trusts-one-workload",
        _all(
            _add(
                _aws(
                    "iam/openIdConnectProvider:OpenIdConnectProvider",
                    "issuer",
                    url="https://issuer.example.net",
                    clientIdLists=["sts.amazonaws.com"],
                )
            ),
            _document(
                "backups-identity-deployer",
                "assumeRolePolicy",
                lambda text: text.replace(_OIDC, "issuer.example.net"),
            ),
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "a role hands any role to a function",
        "policy-names-its-resources",
        _policy(
            "backups-identity-planner-policy",
            allowing(["iam:PassRole", "lambda:CreateFunction"], "*"),
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "a certificate takes on a role from anywhere",
        "service-role-is-bound-to-account",
        _document(
            "backups-identity-planner",
            "assumeRolePolicy",
            but(
                "",
                Principal={"Service": "rolesanywhere.amazonaws.com"},
                Action=["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
                Condition=None,
            ),
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "calls to AWS go to another address",
        "provider-reaches-its-vendor",
        _set("aws-primary", endpoints='[{"s3": "https://s3.example.net"}]'),
    ),
    AuditedWeakening(
        _LITTLE,
        "nobody asks which account it is",
        "provider-reaches-its-vendor",
        _set("aws-primary", skipRequestingAccountId="true"),
    ),
    AuditedWeakening(
        _LITTLE,
        "the connection to AWS is not checked",
        "provider-reaches-its-vendor",
        _set("aws-primary", insecure="true"),
    ),
    AuditedWeakening(
        _SECRETS,
        "the job's document is in clear",
        "secret-is-marked",
        _set("document-values-copier", secretString='{"password": "correct horse battery"}'),
    ),
    AuditedWeakening(
        _SECRETS,
        "a user of a database with a password in clear, at a vendor that the platform doesn't use",
        "secret-is-marked",
        _add(
            Toy("pulumi:providers:mongodbatlas", "atlas", {"version": "4.18.0"}),
            Toy(
                "mongodbatlas:index/databaseUser:DatabaseUser",
                "application",
                {"username": "application", "password": "correct horse battery"},
                provider="atlas",
            ),
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "a password in a cluster's secret, in clear",
        "secret-is-marked",
        _add(
            Toy("pulumi:providers:kubernetes", "cluster", {"version": "4.0.0"}),
            Toy(
                "kubernetes:core/v1:Secret",
                "application",
                {"stringData": {"password": "correct horse battery"}},
                provider="cluster",
            ),
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "another account may read the job's document",
        "secret-admits-no-stranger",
        _add(
            _aws(
                "secretsmanager/secretPolicy:SecretPolicy",
                "document-policy",
                secretArn=UNKNOWN,
                policy=_statements(
                    _allow(
                        "secretsmanager:GetSecretValue",
                        "*",
                        Principal={"AWS": f"arn:aws:iam::{_STRANGER}:root"},
                    )
                ),
                made_from={"secretArn": ["backups-documents-copier"]},
            )
        ),
    ),
    AuditedWeakening(
        _EXCEPTIONS,
        "a part of a lifecycle is left to the console",
        "demanded-inputs-stay-managed",
        lambda stack: with_options(stack, "backups-vault-lifecycle", ignoreChanges=["rules[6].status"]),
    ),
    AuditedWeakening(
        _EXCEPTIONS,
        "the trust of break-glass is left to the console",
        "demanded-inputs-stay-managed",
        lambda stack: with_options(
            stack, "backups-administration-break-glass", ignoreChanges=["assumeRolePolicy"]
        ),
    ),
    AuditedWeakening(
        _EXCEPTIONS,
        "the provider's account is left open",
        "demanded-inputs-stay-managed",
        lambda stack: with_options(stack, "aws-primary", ignoreChanges=["allowedAccountIds"]),
    ),
    AuditedWeakening(
        _STORES,
        "the drills leave the database out",
        "store-is-drilled",
        lambda stack: alter(stack, "job-drill", drills=find_toy(stack, "job-drill").inputs["drills"][1:]),
    ),
    AuditedWeakening(
        _STORES,
        "nobody says in whose account the files are",
        "store-has-independent-backup",
        _set("files", failureDomain={"provider": "aws", "region": "eu-west-1"}),
    ),
    AuditedWeakening(
        _STORES,
        "one job waits for two days",
        "heartbeat-matches-its-job",
        _set("job-elsewhere", latenessMinutes=2_880.0),
    ),
    AuditedWeakening(
        _STAY,
        "an access point of all regions lets another account delete",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "s3control/multiRegionAccessPoint:MultiRegionAccessPoint",
                "everywhere",
                details={"name": "everywhere", "regions": [{"bucket": _NAME}]},
            ),
            _aws(
                "s3control/multiRegionAccessPointPolicy:MultiRegionAccessPointPolicy",
                "everywhere-policy",
                details={
                    "name": "everywhere",
                    "policy": _statements(_allow("s3:*", "*", Principal={"AWS": _STRANGER})),
                },
            ),
        ),
    ),
    AuditedWeakening(
        _STAY,
        "each deployment writes over a backup",
        "vault-denies-deletion",
        _add(
            _aws(
                "s3/bucketObjectv2:BucketObjectv2",
                "latest",
                bucket=_NAME,
                key="database/daily/orders/latest",
                content="nothing",
                forceDestroy=True,
            )
        ),
    ),
    AuditedWeakening(
        _STAY,
        "the lock's days are left to each upload",
        "vault-is-locked",
        _set("backups-vault-lock", rule=ABSENT),
    ),
    AuditedWeakening(
        _KEYS,
        "the alias that roles know leads to the documents' key",
        "key-is-usable",
        lambda stack: [
            replace(toy, made_from={"targetKeyId": ["backups-documents-key"]})
            if toy.name == "backups-vault-key-alias"
            else toy
            for toy in stack
        ],
    ),
    AuditedWeakening(
        _ARRIVE,
        "the copies are meant for an account that has not the bucket",
        "replicator-can-copy",
        _set("backups-replication", rules__0__destination__account=_ACCOUNT),
    ),
    AuditedWeakening(
        _OURS,
        "an access list opens the log",
        "bucket-ignores-access-control-lists",
        _add(
            _aws("s3/bucketAcl:BucketAcl", "opened", bucket=_NAME, acl="public-read"),
        ),
    ),
    AuditedWeakening(
        _OURS,
        "a list of all backups goes to somebody else",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "s3/inventory:Inventory",
                "listed",
                bucket=_NAME,
                destination={"bucket": {"bucketArn": "arn:aws:s3:::strangers", "accountId": _STRANGER}},
            )
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the trail is encrypted with a key of somebody else",
        "vault-account-keeps-a-trail",
        _set("backups-trail-trail", kmsKeyId=f"arn:aws:kms:eu-west-1:{_STRANGER}:key/1"),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the alarm's events go to a dead target first",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-losses-target", eventBusName="quiet"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a contact hears only that all is well again",
        "contact-is-told",
        _set("alerting-oncall", enableNotificationsFor=3.0),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second prober looks at another environment",
        "sentry-monitor-has-alert",
        _set("errors-backend-check-health", environment="staging"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "an outage is taken back before anybody looks",
        "alert-reaches-someone",
        _set("errors-backend-check-health-alert", frequencyMinutes=43_200.0),
    ),
    AuditedWeakening(
        _ERRORS,
        "an alert of another environment",
        "alert-reaches-someone",
        _set("errors-backend-new-alert", environment="staging"),
    ),
    AuditedWeakening(
        _ERRORS,
        "mails of a day are gathered into one",
        "error-project-drops-nothing",
        _set("errors-backend-project", digestsMinDelay=86_400.0, digestsMaxDelay=86_400.0),
    ),
    AuditedWeakening(
        _ERRORS,
        "all errors are one issue, so that none is new",
        "error-project-drops-nothing",
        _set("errors-backend-project", fingerprintingRules="error.type:* -> everything"),
    ),
    AuditedWeakening(
        _ERRORS,
        "no owner is found, and nobody in their place",
        "error-project-has-owner",
        _set("errors-backend-ownership", raw="path:nothing/** #platform", fallthrough=False),
    ),
    AuditedWeakening(
        _LITTLE,
        "a permission set of an administrator",
        "role-has-no-managed-administrator",
        _add(
            _aws(
                "ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
                "administrators",
                managedPolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
                instanceArn="arn:aws:sso:::instance/ssoins-1",
                permissionSetArn="arn:aws:sso:::permissionSet/1/2",
            )
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "a vendor's token in clear at a provider",
        "secret-is-marked",
        _add(Toy("pulumi:providers:github", "github", {"version": "6.15.0", "token": "correct horse"})),
    ),
    AuditedWeakening(
        _EXCEPTIONS,
        "the alias of the key is left to the console",
        "demanded-inputs-stay-managed",
        lambda stack: with_options(stack, "backups-vault-key-alias", ignoreChanges=["targetKeyId"]),
    ),
)
