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


def _adding(statement: dict[str, Any]) -> Callable[[Any], str]:
    """Add a statement to a policy document."""
    return lambda text: _statements(*json.loads(text)["Statement"], statement)


def _with(name: str, sid: str, /, **changes: Any) -> ProgramEdit:
    """Change the statement with a Sid in a policy."""

    def change(text: Any) -> str:
        document = json.loads(text)
        (found,) = (one for one in document["Statement"] if one.get("Sid") == sid)
        found.update(changes)
        return json.dumps(document)

    return _policy(name, change)


def _limited(name: str, sid: str, /, **conditions: Any) -> ProgramEdit:
    """Add conditions to the statement with a Sid in a policy."""

    def change(text: Any) -> str:
        document = json.loads(text)
        (found,) = (one for one in document["Statement"] if one.get("Sid") == sid)
        found["Condition"] = {**found.get("Condition", {}), **conditions}
        return json.dumps(document)

    return _policy(name, change)


def _trusting(name: str, conditions: dict[str, Any]) -> ProgramEdit:
    """Replace the conditions of a role's trust."""

    def change(text: Any) -> str:
        document = json.loads(text)
        document["Statement"][0]["Condition"] = conditions
        return json.dumps(document)

    return _document(name, "assumeRolePolicy", change)


def _copied_besides(prefix: str, **destination: Any) -> ProgramEdit:
    """Add a rule of a higher priority to the replication."""

    def edit(stack: Sequence[Toy]) -> list[Toy]:
        rule = copy.deepcopy(find_toy(stack, "backups-replication").inputs["rules"][0])
        more = {"id": "more", "priority": 2.0, "filter": {"prefix": prefix}}
        rule = {**rule, **more, "destination": {**rule["destination"], **destination}}
        return _append("backups-replication", "rules", rule)(stack)

    return edit


def _made_from(name: str, **sources: list[str]) -> ProgramEdit:
    return lambda stack: [
        replace(one, made_from={**one.made_from, **sources}) if one.name == name else one for one in stack
    ]


def _host_variable(name: str, value: Any) -> ProgramEdit:
    return lambda stack: alter(
        stack,
        "host-backend-variables",
        variables=[
            {**one, "value": value} if one["name"] == name else one
            for one in find_toy(stack, "host-backend-variables").inputs["variables"]
        ],
    )


def _vercel(name: str, key: str, targets: list[str], made_from: list[str]) -> Toy:
    inputs = {
        "key": key,
        "projectId": "prj_example0frontend",
        "teamId": "team_example",
        "sensitive": True,
        "targets": targets,
        "value": UNKNOWN,
    }
    return Toy(
        "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable",
        name,
        inputs,
        provider="vercel",
        made_from={"value": made_from},
        options={"additionalSecretOutputs": ["value", "valueWo"]},
    )


def _only_users(text: Any) -> str:
    """Narrow a pattern of events about S3 to users' own calls."""
    pattern = json.loads(text)
    for one in pattern["$or"]:
        if one["source"] == ["aws.s3"]:
            one["detail"]["userIdentity"] = {"type": ["IAMUser"]}
    return json.dumps(pattern)


def _without_action(name: str, kind: str) -> ProgramEdit:
    """Take an action out of a Sentry alert."""

    def edit(stack: Sequence[Toy]) -> list[Toy]:
        (alone,) = find_toy(stack, name).inputs["actionFilters"]
        left = [action for action in alone["actions"] if kind not in action]
        changed = [{**alone, "actions": left}]
        return [
            replace(one, inputs={**one.inputs, "actionFilters": changed}) if one.name == name else one
            for one in stack
        ]

    return edit


def _untold(name: str, contact: str) -> ProgramEdit:
    """Take a contact off a monitor."""

    def edit(stack: Sequence[Toy]) -> list[Toy]:
        toy, key = find_toy(stack, name), "assignedAlertContacts"
        told = [one for one in toy.made_from[key] if one != contact]
        changed = replace(
            toy,
            inputs={**toy.inputs, key: toy.inputs[key][1:]},
            made_from={**toy.made_from, key: told},
        )
        return [changed if one is toy else one for one in stack]

    return edit


def _variable_besides(name: str, value: str) -> ProgramEdit:
    """Give the backend one more variable."""

    def edit(stack: Sequence[Toy]) -> list[Toy]:
        toy = find_toy(stack, "host-backend-variables")
        variables = [*toy.inputs["variables"], {"name": name, "value": value}]
        changed = replace(toy, inputs={**toy.inputs, "variables": variables})
        return [changed if one is toy else one for one in stack]

    return edit


def _left_out(*names: str) -> ProgramEdit:
    return lambda stack: [one for one in stack if one.name not in names]


def _option(name: str, /, **options: Any) -> ProgramEdit:
    return lambda stack: with_options(stack, name, **options)


def _same_trust(name: str, as_of: str) -> ProgramEdit:
    return lambda stack: alter(
        stack, name, assumeRolePolicy=find_toy(stack, as_of).inputs["assumeRolePolicy"]
    )


def _vendor(token: str, name: str, /, made_from: dict[str, list[str]], **inputs: Any) -> Toy:
    return Toy(token, name, inputs, provider=token.partition(":")[0], made_from=made_from)


_NIGHT: Final = {
    "autoAddMonitors": False,
    "duration": 1_380.0,
    "interval": "daily",
    "name": "night",
    "time": "00:10:00",
}
_WINDOW: Final = "uptimerobot:index/maintenanceWindow:MaintenanceWindow"


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
    AuditedWeakening(
        _STORES,
        "the dump runs only in the first week of a month",
        "store-loss-is-within-objective",
        _set("job-database", schedule="17 2 1-7 * *"),
    ),
    AuditedWeakening(
        _STORES,
        "the third copy has the files and no longer the database",
        "store-has-copy-elsewhere",
        lambda stack: alter(
            stack, "job-elsewhere", mirrors=find_toy(stack, "job-elsewhere").inputs["mirrors"][1:]
        ),
    ),
    AuditedWeakening(
        _STORES,
        "the database takes no connection from where its jobs run",
        "job-protects-something",
        _set("database-project", blockPublicConnections=True),
    ),
    AuditedWeakening(
        _STORES,
        "a bucket of tables holds data that no job backs up",
        "store-has-independent-backup",
        _add(_aws("s3tables/tableBucket:TableBucket", "orders", name="orders")),
    ),
    AuditedWeakening(
        _STAY,
        "a pattern leaves every role of the platform out of the denial",
        "vault-is-guarded",
        _limited(
            "backups-vault-policy",
            "OnlyBreakGlass",
            ArnNotLike={"aws:PrincipalArn": [f"arn:aws:iam::{_ACCOUNT}:role/example-*"]},
        ),
    ),
    AuditedWeakening(
        _STAY,
        "the denial is for principals of other accounts",
        "vault-is-guarded",
        _limited(
            "backups-vault-policy", "OnlyBreakGlass", StringNotEquals={"aws:PrincipalAccount": _ACCOUNT}
        ),
    ),
    AuditedWeakening(
        _STAY,
        "the denial names the objects and not the bucket",
        "vault-is-guarded",
        _with("backups-vault-policy", "OnlyBreakGlass", Resource=f"{_ARN}/*"),
    ),
    AuditedWeakening(
        _STAY,
        "what was overwritten expires in a day, above a size",
        "vault-expires-nothing-early",
        _append(
            "backups-vault-lifecycle",
            "rules",
            {
                "id": "large",
                "status": "Enabled",
                "filter": {"objectSizeGreaterThan": 1.0},
                "noncurrentVersionExpiration": {"noncurrentDays": 1.0},
            },
        ),
    ),
    AuditedWeakening(
        _STAY,
        "dumps of the replica expire on a date",
        "vault-expires-nothing-early",
        _append(
            "backups-replica-lifecycle",
            "rules",
            {
                "id": "move",
                "status": "Enabled",
                "filter": {"prefix": "database/"},
                "expiration": {"date": "2030-02-01T00:00:00Z"},
            },
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "the key decrypts for one network only",
        "key-is-usable",
        _policy(
            "backups-vault-key",
            _adding(
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "kms:Decrypt",
                    "Resource": "*",
                    "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}},
                }
            ),
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "whoever has a tag may end the key",
        "key-is-guarded",
        _with(
            "backups-vault-key",
            "OnlyBreakGlass",
            Condition={"StringNotEquals": {"aws:PrincipalTag/break-glass": "yes"}},
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "a replica of the key is governed by the whole account",
        "key-is-guarded",
        _all(
            _set("backups-vault-key", multiRegion=True),
            _add(
                _aws(
                    "kms/replicaKey:ReplicaKey",
                    "key-copy",
                    primaryKeyArn=UNKNOWN,
                    deletionWindowInDays=30.0,
                    region="eu-central-1",
                    policy=_statements(
                        _allow("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{_ACCOUNT}:root"})
                    ),
                    made_from={"primaryKeyArn": ["backups-vault-key"]},
                )
            ),
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "the key lies in a store of the account's own",
        "key-is-usable",
        _set("backups-vault-key", customKeyStoreId="cks-0123456789abcdef0"),
    ),
    AuditedWeakening(
        _KEYS,
        "a second alias of the key's name leads to another key",
        "key-is-usable",
        _add(
            _aws(
                "kms/alias:Alias",
                "alias-again",
                name="alias/example-vault-eu-west-1",
                targetKeyId=UNKNOWN,
                made_from={"targetKeyId": ["backups-documents-key"]},
            )
        ),
    ),
    AuditedWeakening(
        _ARRIVE,
        "a second rule puts the copies of dumps into an archive",
        "vault-is-replicated",
        _copied_besides("database/", storageClass="DEEP_ARCHIVE"),
    ),
    AuditedWeakening(
        _ARRIVE,
        "the replica's key makes no data keys for the other account",
        "replicator-can-copy",
        _policy(
            "backups-replica-key",
            _adding(
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "kms:GenerateDataKey",
                    "Resource": "*",
                    "Condition": {"StringNotEquals": {"kms:CallerAccount": _REPLICA}},
                }
            ),
        ),
    ),
    AuditedWeakening(
        _ARRIVE,
        "the replicator's trust asks for another source account",
        "replicator-can-copy",
        _trusting("backups-replicator", {"StringEquals": {"aws:SourceAccount": _REPLICA}}),
    ),
    AuditedWeakening(
        _ARRIVE,
        "the list of the replicator's policies leaves its policy out",
        "role-policies-are-listed",
        _set("backups-replicator-policies", policyNames=[]),
    ),
    AuditedWeakening(
        _ARRIVE,
        "the replicator encrypts under an alias that isn't there",
        "replicator-can-copy",
        _limited(
            "backups-replicator-policy",
            "Encrypt",
            **{"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/example-vault"]}},
        ),
    ),
    AuditedWeakening(
        _OURS,
        "a switch of the public access block is left out",
        "bucket-is-closed-to-the-public",
        _set("backups-replica-public-access", restrictPublicBuckets=ABSENT),
    ),
    AuditedWeakening(
        _OURS,
        "plain HTTP is refused to other accounts only",
        "bucket-demands-encrypted-transport",
        _limited("backups-vault-policy", "OnlyTls", StringNotEquals={"aws:PrincipalAccount": _ACCOUNT}),
    ),
    AuditedWeakening(
        _OURS,
        "a distribution of another account reads the vault",
        "vault-admits-no-stranger",
        _policy(
            "backups-vault-policy",
            _adding(
                _allow(
                    "s3:GetObject",
                    f"{_ARN}/*",
                    Principal={"Service": "cloudfront.amazonaws.com"},
                    Condition={
                        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{_STRANGER}:distribution/E1"}
                    },
                )
            ),
        ),
    ),
    AuditedWeakening(
        _OURS,
        "dumps are copied to a bucket of another account as well",
        "vault-admits-no-stranger",
        _copied_besides("database/", bucket="arn:aws:s3:::somebody-elses", account=_STRANGER),
    ),
    AuditedWeakening(
        _OURS,
        "access points decide who reads, and one admits another account",
        "vault-admits-no-stranger",
        _all(
            _policy(
                "backups-vault-policy",
                _adding(
                    _allow(
                        "s3:GetObject",
                        f"{_ARN}/*",
                        Principal={"AWS": "*"},
                        Condition={"StringEquals": {"s3:DataAccessPointAccount": _ACCOUNT}},
                    )
                ),
            ),
            _add(
                _aws(
                    "s3/accessPoint:AccessPoint",
                    "partners",
                    bucket=_NAME,
                    policy=_statements(
                        _allow(
                            "s3:GetObject",
                            f"arn:aws:s3:eu-west-1:{_ACCOUNT}:accesspoint/partners/object/*",
                            Principal={"AWS": f"arn:aws:iam::{_STRANGER}:root"},
                        )
                    ),
                )
            ),
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the rule listens on a bus that AWS tells nothing",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-losses", eventBusName="audit"),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the trail leaves out the calls to KMS",
        "vault-account-keeps-a-trail",
        _set(
            "backups-trail-trail",
            advancedEventSelectors__0__fieldSelectors=[
                {"field": "eventCategory", "equals": ["Management"]},
                {"field": "eventSource", "notEquals": ["kms.amazonaws.com"]},
            ],
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "users are watched at the vault, and sessions of roles are not",
        "vault-raises-alarms",
        _document("backups-alarms-eu-west-1-losses", "eventPattern", _only_users),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the topic has a key that no rule can use",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-topic", kmsMasterKeyId="alias/aws/sns"),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the trail writes under a prefix that its bucket refuses",
        "vault-account-keeps-a-trail",
        _set("backups-trail-trail", s3KeyPrefix="audit"),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the record is locked for a day",
        "vault-account-keeps-a-trail",
        _set("backups-trail-lock", rule__defaultRetention__days=1.0),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the record expires in a day",
        "vault-account-keeps-a-trail",
        _set("backups-trail-lifecycle", rules__0__expiration={"days": 1.0}),
    ),
    AuditedWeakening(
        _TAMPERING,
        "another account reads the record",
        "vault-account-keeps-a-trail",
        _policy(
            "backups-trail-policy",
            _adding(
                _allow(
                    "s3:GetObject",
                    f"arn:aws:s3:::example-trail-{_ACCOUNT}-eu-west-1/*",
                    Principal={"AWS": f"arn:aws:iam::{_STRANGER}:root"},
                )
            ),
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "every alarm says the same",
        "vault-raises-alarms",
        _set(
            "backups-alarms-eu-west-1-losses-target", input=json.dumps("all is well"), inputTransformer=ABSENT
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "an alarm is tried once, for a minute",
        "vault-raises-alarms",
        _set(
            "backups-alarms-eu-west-1-losses-target",
            retryPolicy={"maximumRetryAttempts": 0.0, "maximumEventAgeInSeconds": 60.0},
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "two subscriptions tell one address",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-automation", protocol="email", endpoint="operations@example.com"),
    ),
    AuditedWeakening(
        _TAMPERING,
        "a policy of its own replaces the topic's",
        "vault-raises-alarms",
        _add(
            _aws(
                "sns/topicPolicy:TopicPolicy",
                "topic-policy",
                arn=UNKNOWN,
                policy=_statements(_allow("sns:*", "*", Principal={"AWS": f"arn:aws:iam::{_ACCOUNT}:root"})),
                made_from={"arn": ["backups-alarms-eu-west-1-topic"]},
            )
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the prober asks another host by a header",
        "endpoint-monitor-checks-content",
        _set("uptime-backend-health", customHttpHeaders={"Host": "status.example.com"}),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second prober asks another host by a header",
        "endpoint-has-second-prober",
        _set("errors-backend-check-health", headers={"host": "status.example.com"}),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second prober looks at the front page",
        "endpoint-has-second-prober",
        _set("errors-backend-check-health", url="https://api.example.com/"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "an outage stays open for a hundred good answers",
        "endpoint-has-second-prober",
        _set("errors-backend-check-health", recoveryThreshold=100.0),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a window names its monitors itself, and mutes nearly all day",
        "maintenance-window-is-short",
        _add(
            Toy(
                _WINDOW,
                "night",
                {**_NIGHT, "monitorIds": [UNKNOWN]},
                provider="uptimerobot",
                made_from={"monitorIds": ["uptime-backend-health"]},
            )
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the prober of content asks for none",
        "endpoint-monitor-checks-content",
        _set("uptime-backend-health", httpMethodType="HEAD"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a failure is tried ten times before it counts",
        "endpoint-monitor-is-fast",
        _set("uptime-backend-health", config__applicationErrorRetries=10.0),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the only layer of the schedule ends",
        "escalation-always-calls-somebody",
        _set("oncall-primary-schedule", layers__0__end="2030-02-15T08:00:00Z"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "an orchestration suppresses whatever the service gets",
        "page-lasts-until-resolved",
        _add(
            Toy(
                "pagerduty:index/eventOrchestrationService:EventOrchestrationService",
                "quiet",
                {
                    "service": UNKNOWN,
                    "sets": [{"id": "start", "rules": []}],
                    "catchAll": {"actions": {"suppress": True}},
                },
                provider="pagerduty",
                made_from={"service": ["oncall-oncall-service"]},
            )
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a window of PagerDuty mutes the service",
        "page-lasts-until-resolved",
        _add(
            Toy(
                "pagerduty:index/maintenanceWindow:MaintenanceWindow",
                "quiet",
                {
                    "services": [UNKNOWN],
                    "startTime": "2030-01-16T00:00:00Z",
                    "endTime": "2031-01-16T00:00:00Z",
                },
                provider="pagerduty",
                made_from={"services": ["oncall-oncall-service"]},
            )
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the service waits before it calls",
        "page-lasts-until-resolved",
        _set("oncall-oncall-service", autoPauseNotificationsParameters={"enabled": True, "timeout": 900.0}),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the prober is given the key of an integration by mail",
        "page-lasts-until-resolved",
        _set("oncall-oncall-uptimerobot", type="generic_email_inbound_integration"),
    ),
    AuditedWeakening(
        _ERRORS,
        "the backend says that it is another environment",
        "service-receives-its-dsn",
        _host_variable("SENTRY_ENVIRONMENT", "staging"),
    ),
    AuditedWeakening(
        _ERRORS,
        "frequent errors are more than the key lets in",
        "alert-reaches-someone",
        _set(
            "errors-backend-frequent-alert",
            actionFilters__0__conditions=[{"eventFrequencyCount": {"interval": "1h", "value": 100_000.0}}],
        ),
    ),
    AuditedWeakening(
        _ERRORS,
        "failures of one route are counted",
        "sentry-monitor-has-alert",
        _set("errors-backend-failure-rate", query="is_transaction:true transaction:/none"),
    ),
    AuditedWeakening(
        _ERRORS,
        "nearly all requests have to fail",
        "sentry-monitor-has-alert",
        _set("errors-backend-failure-rate", conditionGroup__conditions__0__comparison=0.98),
    ),
    AuditedWeakening(
        _ERRORS,
        "every measure is well",
        "sentry-monitor-has-alert",
        _set("errors-backend-failure-rate", conditionGroup__conditions__0__conditionResult=0.0),
    ),
    AuditedWeakening(
        _ERRORS,
        "failures are measured over a day",
        "sentry-monitor-has-alert",
        _set("errors-backend-failure-rate", timeWindowSeconds=86_400.0),
    ),
    AuditedWeakening(
        _ERRORS,
        "ten minutes count as fast",
        "sentry-monitor-has-alert",
        _set("errors-backend-latency", conditionGroup__conditions__0__comparison=600_000.0),
    ),
    AuditedWeakening(
        _ERRORS,
        "the fastest requests are measured",
        "sentry-monitor-has-alert",
        _set("errors-backend-latency", aggregate="p1(transaction.duration)"),
    ),
    AuditedWeakening(
        _ERRORS,
        "errors from every address are thrown away",
        "error-project-drops-nothing",
        _set("errors-backend-project", filters={"blacklistedIps": ["0.0.0.0/0"]}),
    ),
    AuditedWeakening(
        _ERRORS,
        "pages of another host alone may report",
        "error-project-drops-nothing",
        _set("errors-frontend-project", clientSecurity={"allowedDomains": ["staging.example.com"]}),
    ),
    AuditedWeakening(
        _ERRORS,
        "the frontend reports from previews alone",
        "service-receives-its-dsn",
        _set("host-frontend-vite-sentry-dsn", targets=["preview"]),
    ),
    AuditedWeakening(
        _SILENCE,
        "the check-in is awaited in another time zone",
        "cron-monitor-matches-its-job",
        _set("job-database-cron", timezone="America/Los_Angeles"),
    ),
    AuditedWeakening(
        _SILENCE,
        "the check-in is awaited once a month",
        "cron-monitor-matches-its-job",
        _set("job-proof-cron", schedule={"intervalValue": 1.0, "intervalUnit": "month"}),
    ),
    AuditedWeakening(
        _SILENCE,
        "a window mutes the heartbeat nearly all day",
        "maintenance-window-is-short",
        _all(
            _add(Toy(_WINDOW, "night", dict(_NIGHT), provider="uptimerobot")),
            _set("job-files-heartbeat", maintenanceWindowIds=[UNKNOWN]),
            _made_from("job-files-heartbeat", maintenanceWindowIds=["night"]),
        ),
    ),
    AuditedWeakening(
        _SILENCE,
        "a missed job is told the first time alone",
        "sentry-monitor-has-alert",
        _set("job-files-alert", triggerConditions=[{"firstSeenEvent": {}}]),
    ),
    AuditedWeakening(
        _SILENCE,
        "a job is missed ten times before it is told",
        "sentry-monitor-has-alert",
        _set("job-database-alert", actionFilters__0__conditions=[{"issueOccurrences": {"value": 10.0}}]),
    ),
    AuditedWeakening(
        _LITTLE,
        "break-glass needs a second factor where a session speaks of one",
        "vault-is-guarded",
        _trusting(
            "backups-administration-break-glass",
            {
                "BoolIfExists": {"aws:MultiFactorAuthPresent": "true"},
                "NumericLessThanIfExists": {"aws:MultiFactorAuthAge": "900"},
                "StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]},
            },
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "a subject is compared by an operator that an absent key meets",
        "role-trusts-one-workload",
        _trusting(
            "backups-identity-planner",
            {
                "StringEquals": {f"{_OIDC}:aud": "sts.amazonaws.com"},
                "ForAllValues:StringEquals": {
                    f"{_OIDC}:sub": "repo:example@123456/platform@456789:environment:plan"
                },
            },
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "the driller has no boundary",
        "role-is-bounded",
        _set("backups-identity-driller", permissionsBoundary=ABSENT),
    ),
    AuditedWeakening(
        _LITTLE,
        "the boundary is an administrator",
        "role-is-bounded",
        _set("backups-identity-driller", permissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"),
    ),
    AuditedWeakening(
        _LITTLE,
        "another role of the account may take on the deployer",
        "role-trusts-one-workload",
        _document(
            "backups-identity-deployer",
            "assumeRolePolicy",
            _adding(
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:role/legacy"},
                    "Action": "sts:AssumeRole",
                }
            ),
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "a permission set has a policy of everything of its own",
        "policy-names-its-actions",
        _add(
            _aws(
                "ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy",
                "people",
                inlinePolicy=_statements(_allow("*", "*")),
            )
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "a template of CloudFormation makes roles",
        "type-is-classified",
        _add(
            _aws(
                "cloudformation/stack:Stack",
                "roles",
                name="roles",
                capabilities=["CAPABILITY_NAMED_IAM"],
                templateBody="{}",
            )
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "the database's address stands in a script for browsers",
        "host-secret-is-sensitive",
        _add(_vercel("vite-database", "VITE_DATABASE_URL", ["production"], ["database-project"])),
    ),
    AuditedWeakening(
        _SECRETS,
        "previews are given production's database",
        "host-secret-is-sensitive",
        _add(
            _vercel("database-url", "DATABASE_URL", ["production", "preview"], ["database-role-application"])
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "a service signs in as the owner of its database",
        "host-role-is-limited",
        _add(_vercel("database-url", "DATABASE_URL", ["production"], ["database-role-owner"])),
    ),
    AuditedWeakening(
        _SECRETS,
        "the owner's password is a plain parameter",
        "secret-is-marked",
        _add(
            _aws(
                "ssm/parameter:Parameter",
                "parameter",
                name="/example/dsn",
                type="String",
                value=UNKNOWN,
                made_from={"value": ["database-role-owner"]},
            )
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "another account reads a job's document",
        "secret-admits-no-stranger",
        _policy(
            "backups-documents-driller",
            _adding(
                _allow(
                    "secretsmanager:GetSecretValue", "*", Principal={"AWS": f"arn:aws:iam::{_STRANGER}:root"}
                )
            ),
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "a password stands in the environment of a function",
        "nothing-looks-like-a-secret",
        _add(
            _aws(
                "lambda/function:Function",
                "function",
                environment={"variables": {"DB_PASSWORD": "correct-horse"}},
            )
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "a password stands in the definition of a container",
        "nothing-looks-like-a-secret",
        _add(
            _aws(
                "ecs/taskDefinition:TaskDefinition",
                "task",
                containerDefinitions=json.dumps(
                    [{"name": "web", "environment": [{"name": "DB_PASSWORD", "value": "correct-horse"}]}]
                ),
            )
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "calls to AWS are checked against an authority of one's own",
        "provider-reaches-its-vendor",
        _set("aws-primary", customCaBundle="authority.pem"),
    ),
    AuditedWeakening(
        _EXCEPTIONS,
        "the files are declared to hold nothing",
        "job-protects-something",
        _set("files", holdsData=False),
    ),
    AuditedWeakening(
        _STORES,
        "the database may hold a thousand bytes",
        "store-quota-leaves-room",
        _set("database-project", quota__logicalSizeBytes=1_000.0),
    ),
    AuditedWeakening(
        _STORES,
        "a lifecycle moves dumps into one data centre",
        "vault-is-read-in-time",
        _set("backups-vault-lifecycle", rules__0__transitions=[{"days": 1.0, "storageClass": "ONEZONE_IA"}]),
    ),
    AuditedWeakening(
        _STORES,
        "the copies lie in one data centre",
        "vault-is-read-in-time",
        _set("backups-replication", rules__0__destination__storageClass="ONEZONE_IA"),
    ),
    AuditedWeakening(
        _STORES,
        "the vault's policy may be deleted by a deployment",
        "store-is-protected",
        lambda stack: with_options(stack, "backups-vault-policy", protect=False),
    ),
    AuditedWeakening(
        _STORES,
        "the vault's lock may be deleted by a deployment",
        "store-is-protected",
        lambda stack: with_options(stack, "backups-vault-lock", protect=False),
    ),
    AuditedWeakening(
        _KEYS,
        "a grant lets a role that nobody declares decrypt",
        "key-is-guarded",
        _add(
            _aws(
                "kms/grant:Grant",
                "borrowed",
                keyId=UNKNOWN,
                granteePrincipal=f"arn:aws:iam::{_ACCOUNT}:role/legacy",
                operations=["Decrypt"],
                made_from={"keyId": ["backups-vault-key"]},
            )
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "the documents' key lets another account decrypt",
        "nothing-is-shared-outside",
        _policy("backups-documents-key", _adding(_allow("kms:Decrypt", "*", Principal={"AWS": _STRANGER}))),
    ),
    AuditedWeakening(
        _KEYS,
        "the documents' key is off",
        "job-document-is-guarded",
        _set("backups-documents-key", isEnabled=False),
    ),
    AuditedWeakening(
        _ARRIVE,
        "a second replication, which is off, replaces the first",
        "vault-is-replicated",
        _add(
            _aws(
                "s3/bucketReplicationConfig:BucketReplicationConfig",
                "again",
                bucket=_NAME,
                role=f"arn:aws:iam::{_ACCOUNT}:role/example-vault-replicator",
                rules=[{"status": "Disabled", "destination": {"bucket": _REPLICA_ARN}}],
            )
        ),
    ),
    AuditedWeakening(
        _ARRIVE,
        "a copy that fails is told nobody",
        "vault-is-replicated",
        _set("backups-replication", rules__0__destination__metrics={"status": "Disabled"}),
    ),
    AuditedWeakening(
        _OURS,
        "the vault is a website",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration",
                "site",
                bucket=_NAME,
                indexDocument={"suffix": "index.html"},
            )
        ),
    ),
    AuditedWeakening(
        _OURS,
        "an access point lets the public in",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "s3/accessPoint:AccessPoint",
                "open",
                bucket=_NAME,
                publicAccessBlockConfiguration={"blockPublicPolicy": False},
            )
        ),
    ),
    AuditedWeakening(
        _OURS,
        "access grants hand out every bucket",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "s3control/accessGrantsLocation:AccessGrantsLocation",
                "grants",
                iamRoleArn=f"arn:aws:iam::{_ACCOUNT}:role/x",
                locationScope="s3://",
            )
        ),
    ),
    AuditedWeakening(
        _OURS,
        "an analysis of the vault is written to somebody else",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "s3/analyticsConfiguration:AnalyticsConfiguration",
                "analysis",
                bucket=_NAME,
                storageClassAnalysis={
                    "dataExport": {
                        "destination": {"s3BucketDestination": {"bucketArn": "arn:aws:s3:::strangers"}}
                    }
                },
            )
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "a snapshot of a database is everybody's",
        "nothing-is-shared-outside",
        _add(_aws("rds/snapshot:Snapshot", "shared", sharedAccounts=["all"])),
    ),
    AuditedWeakening(
        _LITTLE,
        "an image is another account's",
        "nothing-is-shared-outside",
        _add(
            _aws("ec2/amiLaunchPermission:AmiLaunchPermission", "image", accountId=_STRANGER, imageId="ami-1")
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "anybody calls a function",
        "nothing-is-shared-outside",
        _add(_aws("lambda/permission:Permission", "call", action="lambda:InvokeFunction", principal="*")),
    ),
    AuditedWeakening(
        _LITTLE,
        "S3 calls a function for whoever has a bucket of that name",
        "nothing-is-shared-outside",
        _add(
            _aws(
                "lambda/permission:Permission",
                "call",
                action="lambda:InvokeFunction",
                principal="s3.amazonaws.com",
                sourceArn="arn:aws:s3:::uploads",
            )
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "another account writes into a queue",
        "nothing-is-shared-outside",
        _add(
            _aws(
                "sqs/queuePolicy:QueuePolicy",
                "queue",
                policy=_statements(_allow("sqs:*", "*", Principal={"AWS": _STRANGER})),
            )
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "another account subscribes to the alarms",
        "nothing-is-shared-outside",
        _policy(
            "backups-alarms-eu-west-1-topic",
            _adding(_allow("sns:Subscribe", "*", Principal={"AWS": _STRANGER})),
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "somebody is given the project of the database",
        "nothing-is-shared-outside",
        _add(
            _vendor(
                "neon:index/projectPermission:ProjectPermission",
                "guest",
                {"projectId": ["database-project"]},
                projectId=UNKNOWN,
                grantee="guest@example.net",
            )
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "the planner's workflow is the deployer's, too",
        "role-trusts-one-workload",
        _same_trust("backups-identity-planner", "backups-identity-deployer"),
    ),
    AuditedWeakening(
        _LITTLE,
        "GitHub's tokens for somebody else count",
        "role-trusts-one-workload",
        _set("backups-identity-github", clientIdLists=["sts.amazonaws.com", "https://github.com/stranger"]),
    ),
    AuditedWeakening(
        _LITTLE,
        "the planner has a policy of AWS's for all secrets",
        "role-has-no-managed-administrator",
        _set(
            "backups-identity-planner", managedPolicyArns=["arn:aws:iam::aws:policy/SecretsManagerReadWrite"]
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "the list of attached policies makes an administrator",
        "role-has-no-managed-administrator",
        _set(
            "backups-identity-planner-attachments", policyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "calls to PagerDuty go to another host",
        "provider-reaches-its-vendor",
        _set("pagerduty", apiUrlOverride="https://pagerduty.example.net"),
    ),
    AuditedWeakening(
        _SECRETS,
        "a job's document is copied under AWS's own key",
        "job-document-is-guarded",
        _set("backups-documents-copier", replicas=[{"region": "us-east-1"}]),
    ),
    AuditedWeakening(
        _SECRETS,
        "a job's document has no key of its own",
        "job-document-is-guarded",
        _set("backups-documents-driller", kmsKeyId=ABSENT),
    ),
    AuditedWeakening(
        _SECRETS,
        "a job's document is gone at once",
        "job-document-is-guarded",
        _set("backups-documents-copier", recoveryWindowInDays=0.0),
    ),
    AuditedWeakening(
        _SECRETS,
        "a job's document is written over in another region",
        "job-document-is-guarded",
        _set("backups-documents-copier", forceOverwriteReplicaSecret=True),
    ),
    AuditedWeakening(
        _SECRETS,
        "whoever reads secrets reads a job's document",
        "job-document-is-guarded",
        _set("backups-documents-copier", policy=ABSENT),
    ),
    AuditedWeakening(
        _SECRETS,
        "the backend is the owner of its database",
        "host-role-is-limited",
        _made_from(
            "host-backend-variables",
            variables=["database-database", "database-project", "database-role-owner", "errors-backend-key"],
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "a job's document has the owner's password",
        "owner-role-is-given-to-nobody",
        _made_from("document-values-copier", secretString=["database-project", "database-role-owner"]),
    ),
    AuditedWeakening(
        _SECRETS,
        "the backend checks no certificate",
        "host-secret-is-sensitive",
        _variable_besides("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the trail records objects of one prefix",
        "vault-account-keeps-a-trail",
        _set(
            "backups-trail-trail",
            advancedEventSelectors__1__fieldSelectors__2__startsWiths=[f"{_ARN}/evidence/"],
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the trail records no objects",
        "vault-account-keeps-a-trail",
        lambda stack: alter(
            stack,
            "backups-trail-trail",
            advancedEventSelectors=find_toy(stack, "backups-trail-trail").inputs["advancedEventSelectors"][
                :1
            ],
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "an alarm says in which account, and not what",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-losses-target", inputTransformer=ABSENT, inputPath="$.account"),
    ),
    AuditedWeakening(
        _TAMPERING,
        "an alarm's text has no call in it",
        "vault-raises-alarms",
        _set(
            "backups-alarms-eu-west-1-losses-target",
            inputTransformer__inputTemplate=json.dumps("something happened"),
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "mails of alarms go to no address",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-operations", endpoint="nobody"),
    ),
    AuditedWeakening(
        _TAMPERING,
        "a topic of alarms is one of queues",
        "vault-raises-alarms",
        _set("backups-alarms-eu-west-1-topic", fifoTopic=True),
    ),
    AuditedWeakening(
        _TAMPERING,
        "a delivery of an alarm is tried once",
        "vault-raises-alarms",
        _set(
            "backups-alarms-eu-west-1-automation",
            deliveryPolicy=json.dumps({"healthyRetryPolicy": {"numRetries": 0}}),
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "a policy takes messages out of a topic of alarms",
        "vault-raises-alarms",
        _add(
            _aws(
                "sns/dataProtectionPolicy:DataProtectionPolicy",
                "masked",
                arn=UNKNOWN,
                policy="{}",
                made_from={"arn": ["backups-alarms-eu-west-1-topic"]},
            )
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "what somebody deletes of the access log is gone in a day",
        "vault-access-is-logged",
        _append(
            "backups-vault-access-log-lifecycle",
            "rules",
            {
                "id": "early",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrentVersionExpiration": {"noncurrentDays": 1.0},
            },
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "nobody is on call until next year",
        "escalation-always-calls-somebody",
        _set("oncall-primary-schedule", layers__0__start="2031-01-05T08:00:00Z"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second person is called a day later still",
        "escalation-is-fast",
        _set("oncall-urgent-policy", rules__1__escalationDelayInMinutes=1_440.0),
    ),
    AuditedWeakening(
        _OUTAGES,
        "outages of the first level go to a chat",
        "alert-follows-its-route",
        _set("alerting", routes__sev1=["slack", "email", "webhook"]),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the health check calls nobody on call",
        "alert-follows-its-route",
        _untold("uptime-backend-health", "alerting-oncall"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second prober calls nobody on call",
        "alert-follows-its-route",
        _without_action("errors-backend-check-health-alert", "pagerduty"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a contact of the health check waits for an hour",
        "alert-follows-its-route",
        _set("uptime-backend-health", assignedAlertContacts__2__threshold=60.0),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the version is asked for by ping",
        "endpoint-has-monitor",
        _set("uptime-backend-version", type="PING", url="api.example.com"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the health check asks for a shorter answer",
        "endpoint-has-monitor",
        _set("uptime-backend-health", url="https://api.example.com/health?fast=1"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a watched address is another one",
        "endpoint-has-monitor",
        _set("uptime-backend-version", url="https://api.example.com/robots.txt"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a watched address may answer with anything",
        "endpoint-monitor-checks-content",
        _set("uptime-backend-version", successHttpResponseCodes=[]),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the keyword is one of every failure, too",
        "endpoint-monitor-checks-content",
        _set("uptime-backend-health", keywordValue="status"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "an answer may take a minute",
        "endpoint-monitor-is-fast",
        _set("uptime-backend-health", timeout=60.0),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second prober asserts nothing",
        "endpoint-has-second-prober",
        _set("errors-backend-check-health", assertionJson="{}"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second prober takes any code",
        "endpoint-has-second-prober",
        _set(
            "errors-backend-check-health",
            assertionJson=json.dumps(
                {
                    "root": {
                        "op": "and",
                        "children": [
                            {"op": "status_code_check", "operator": {"cmp": "less_than"}, "value": 600}
                        ],
                    }
                }
            ),
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second prober waits for a minute",
        "endpoint-has-second-prober",
        _set("errors-backend-check-health", timeoutMs=60_000.0),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second prober fetches nothing",
        "endpoint-has-second-prober",
        _set("errors-backend-check-health", method="HEAD"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a certificate's end is announced on the day before",
        "endpoint-monitor-checks-certificate",
        _set("uptime-backend-health", config={"sslExpirationPeriodDays": [1.0]}),
    ),
    AuditedWeakening(
        _OUTAGES,
        "all outages of a day are one incident",
        "page-lasts-until-resolved",
        _set(
            "oncall-oncall-service", alertGroupingParameters={"type": "time", "config": {"timeout": 86_400.0}}
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a setting makes one incident of all alerts",
        "page-lasts-until-resolved",
        _add(
            _vendor(
                "pagerduty:index/alertGroupingSetting:AlertGroupingSetting",
                "grouped",
                {"services": ["oncall-oncall-service"]},
                services=[UNKNOWN],
                type="time",
            )
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the service escalates by a policy of nobody",
        "page-lasts-until-resolved",
        _set("oncall-oncall-service", escalationPolicy="PGONE00"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the service becomes quiet at night",
        "page-lasts-until-resolved",
        _set("oncall-oncall-service", scheduledActions=[{"type": "urgency_change", "toUrgency": "low"}]),
    ),
    AuditedWeakening(
        _OUTAGES,
        "outages are told PagerDuty of another region",
        "page-lasts-until-resolved",
        _set("alerting-oncall", location="eu"),
    ),
    AuditedWeakening(
        _ERRORS,
        "an action of an alert has nobody to tell",
        "alert-reaches-someone",
        _set("errors-backend-check-health-alert", actionFilters__0__actions__1__slack__channelName=""),
    ),
    AuditedWeakening(
        _ERRORS,
        "floods are counted over a month",
        "alert-reaches-someone",
        _set(
            "errors-backend-frequent-alert",
            actionFilters__0__conditions=[{"eventFrequencyCount": {"interval": "30d", "value": 100.0}}],
        ),
    ),
    AuditedWeakening(
        _ERRORS,
        "one service has no measure of its failures",
        "error-project-is-measured",
        _left_out("errors-backend-failure-rate", "errors-backend-failure-rate-alert"),
    ),
    AuditedWeakening(
        _ERRORS,
        "one service has no measure of its durations",
        "error-project-is-measured",
        _left_out("errors-backend-latency", "errors-backend-latency-alert"),
    ),
    AuditedWeakening(
        _ERRORS,
        "a flood of one service's errors is told nobody",
        "error-project-is-measured",
        _left_out("errors-backend-frequent-alert"),
    ),
    AuditedWeakening(
        _ERRORS,
        "a measure alarms where failures are few",
        "sentry-monitor-has-alert",
        _set("errors-backend-failure-rate", conditionGroup__conditions__0__type="lt"),
    ),
    AuditedWeakening(
        _ERRORS,
        "a measure has no limit",
        "sentry-monitor-has-alert",
        _set("errors-backend-failure-rate", conditionGroup__conditions=[]),
    ),
    AuditedWeakening(
        _ERRORS,
        "failures of requests are sought among errors",
        "sentry-monitor-has-alert",
        _set("errors-backend-failure-rate", eventTypes=["default"]),
    ),
    AuditedWeakening(
        _ERRORS,
        "all errors are one group, without a stack",
        "error-project-drops-nothing",
        _set("errors-backend-project", groupingEnhancements="stack.function:** -group -app"),
    ),
    AuditedWeakening(
        _ERRORS,
        "all errors of a level are one issue",
        "error-project-drops-nothing",
        _set("errors-backend-project", fingerprintingRules="level:error -> all"),
    ),
    AuditedWeakening(
        _ERRORS,
        "a fingerprint is the same for all errors",
        "error-project-drops-nothing",
        _set("errors-backend-project", fingerprintingRules="error.type:* -> {{ level }}"),
    ),
    AuditedWeakening(
        _ERRORS,
        "whatever is called an error is thrown away",
        "error-project-drops-nothing",
        _set("errors-backend-project", filters={"errorMessages": ["*Error*"]}),
    ),
    AuditedWeakening(
        _ERRORS,
        "every release is thrown away",
        "error-project-drops-nothing",
        _set("errors-backend-project", filters={"releases": ["backend@*"]}),
    ),
    AuditedWeakening(
        _ERRORS,
        "issues close before anybody has seen them",
        "error-project-drops-nothing",
        _set("errors-backend-project", resolveAge=1.0),
    ),
    AuditedWeakening(
        _ERRORS,
        "errors are owned by a team that there is not",
        "error-project-has-owner",
        _set("errors-backend-ownership", raw="path:server/** #nobody"),
    ),
    AuditedWeakening(
        _ERRORS,
        "the backend is told not to report",
        "service-receives-its-dsn",
        _variable_besides("SENTRY_ENABLED", "false"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "no escalation policy is declared, and the service names one all the same",
        "alert-follows-its-route",
        _left_out("oncall-urgent-policy"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a level calls a user that there can't be",
        "escalation-always-calls-somebody",
        _set("oncall-urgent-policy", rules__1__targets=[{"id": "nobody", "type": "user_reference"}]),
    ),
    AuditedWeakening(
        _OUTAGES,
        "one person of two is on call for a year",
        "escalation-reaches-second-person",
        _set("oncall-primary-schedule", layers__0__rotationTurnLengthSeconds=365.0 * 86_400),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the turns of a schedule begin in years",
        "escalation-always-calls-somebody",
        _set("oncall-primary-schedule", layers__0__rotationVirtualStart="2040-01-01T00:00:00Z"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "nobody says which channels a level has",
        "alert-follows-its-route",
        _set("alerting", routes=ABSENT),
    ),
    AuditedWeakening(
        _OUTAGES,
        "nobody says how severe an outage is",
        "alert-follows-its-route",
        _set("uptime", watches=ABSENT),
    ),
    AuditedWeakening(
        _SILENCE,
        "a missed job is told one channel less than its level has",
        "alert-follows-its-route",
        _untold("job-database-heartbeat", "alerting-automation"),
    ),
    AuditedWeakening(
        _SILENCE,
        "a heartbeat says of no level",
        "alert-follows-its-route",
        _set("job-files-heartbeat", tags=["heartbeat"]),
    ),
    AuditedWeakening(
        _TAMPERING,
        "nobody says which role's use is to be told",
        "vault-raises-alarms",
        _set("backups-administration", breakGlassArn=ABSENT),
    ),
    AuditedWeakening(
        _LITTLE,
        "the deployer has a boundary that nobody declares",
        "role-is-bounded",
        _set("backups-identity-deployer", permissionsBoundary=f"arn:aws:iam::{_ACCOUNT}:policy/other"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "a port of the backend is open to the internet",
        "endpoint-is-published",
        _add(
            _vendor(
                "railway:index/tcpProxy:TcpProxy", "proxy", {}, applicationPort=5432.0, serviceId="d2b7c845"
            )
        ),
    ),
    AuditedWeakening(
        _SECRETS,
        "the frontend's source is everybody's",
        "host-secret-is-sensitive",
        _add(_vendor("vercel:index/project:Project", "site", {}, name="example", publicSource=True)),
    ),
    AuditedWeakening(
        _SECRETS,
        "pull requests of forks are built with the frontend's variables",
        "host-secret-is-sensitive",
        _add(_vendor("vercel:index/project:Project", "site", {}, name="example", gitForkProtection=False)),
    ),
    AuditedWeakening(
        _SECRETS,
        "an issuer's tokens sign in as the owner of the database",
        "owner-role-is-given-to-nobody",
        _add(
            _vendor(
                "neon:index/jwksUrl:JwksUrl",
                "issuer",
                {"projectId": ["database-project"]},
                projectId=UNKNOWN,
                jwksUrl="https://issuer.example.net/jwks",
                providerName="other",
                roleNames=["platform_owner"],
            )
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "the key is deleted before there is another one",
        "store-keeps-its-identity",
        _option("backups-vault-key", deleteBeforeReplace=True),
    ),
    AuditedWeakening(
        _STAY,
        "the lock is taken away before there is another one",
        "store-keeps-its-identity",
        _option("backups-vault-lock", deleteBeforeReplace=True),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the monitors have the key of a service that nobody declares",
        "page-lasts-until-resolved",
        _set("oncall-oncall-uptimerobot", service="PABC123"),
    ),
    AuditedWeakening(
        _ERRORS,
        "new errors are told a channel that no route has",
        "alert-follows-its-route",
        _set(
            "errors-backend-new-alert",
            actionFilters__0__actions=[{"slack": {"channelName": "#random", "integrationId": "501"}}],
        ),
    ),
    AuditedWeakening(
        _OURS,
        "the vault's policy lets everybody of the account read",
        "vault-admits-no-stranger",
        _policy(
            "backups-vault-policy",
            allowing(
                "s3:GetObject",
                f"{_ARN}/*",
                Principal="*",
                Condition={"StringEquals": {"aws:PrincipalAccount": _ACCOUNT}},
            ),
        ),
    ),
    AuditedWeakening(
        _OURS,
        "an access point lets everybody of the account read",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "s3/accessPoint:AccessPoint",
                "reports",
                bucket=_NAME,
                policy=_statements(
                    _allow(
                        "s3:GetObject",
                        "*",
                        Principal="*",
                        Condition={"StringEquals": {"aws:PrincipalAccount": _ACCOUNT}},
                    )
                ),
            )
        ),
    ),
    AuditedWeakening(
        _ARRIVE,
        "who asks the vault must offer to pay",
        "vault-admits-no-stranger",
        _add(
            _aws(
                "s3/bucketRequestPaymentConfiguration:BucketRequestPaymentConfiguration",
                "payer",
                bucket=_NAME,
                payer="Requester",
            )
        ),
    ),
    AuditedWeakening(
        _STORES,
        "the files say that they hold no data, and are backed up",
        "valueless-store-is-explained",
        _set("files", holdsData=False),
    ),
    AuditedWeakening(
        _STORES,
        "the database keeps an hour of its history",
        "store-has-history",
        _set("database-project", historyRetentionSeconds=3600.0),
    ),
    AuditedWeakening(
        _STORES,
        "the dump runs once in four years, and nobody expects more",
        "store-loss-is-within-objective",
        _all(
            _set("job-database", schedule="17 2 29 2 *"),
            _set("job-database-cron", schedule={"crontab": "17 2 29 2 *"}),
        ),
    ),
    AuditedWeakening(
        _STORES,
        "the database stands still after an hour of work a month",
        "store-quota-leaves-room",
        _set("database-project", quota__computeTimeSeconds=3600.0),
    ),
    AuditedWeakening(
        _STORES,
        "the third copy is encrypted to nobody",
        "store-has-copy-elsewhere",
        _set("elsewhere", encryptedTo=[]),
    ),
    AuditedWeakening(
        _STORES,
        "the third copy is locked for a day",
        "store-has-copy-elsewhere",
        _set("elsewhere", lockDays=1.0),
    ),
    AuditedWeakening(
        _STORES, "the proof leaves the files out", "store-is-proven", _set("job-proof", proves=[])
    ),
    AuditedWeakening(
        _STORES,
        "a rename drops the database",
        "store-is-protected",
        _option("database-database", protect=False),
    ),
    AuditedWeakening(
        _STAY,
        "a second rule hides everything after a week",
        "vault-expires-nothing-early",
        _append(
            "backups-vault-lifecycle",
            "rules",
            {"id": "tidy", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 7.0}},
        ),
    ),
    AuditedWeakening(
        _STAY,
        "an earlier version of a file is gone the day after",
        "vault-expires-nothing-early",
        _set("backups-vault-lifecycle", rules__6__noncurrentVersionExpiration={"noncurrentDays": 1.0}),
    ),
    AuditedWeakening(
        _STAY,
        "a second lifecycle of the vault replaces the first",
        "vault-expires-nothing-early",
        _add(
            _aws(
                "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
                "second",
                bucket=_NAME,
                rules=[
                    {"id": "all", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 1.0}}
                ],
            )
        ),
    ),
    AuditedWeakening(
        _STAY,
        "dumps are kept for two days, and the vault says that it is meant",
        "vault-expires-nothing-early",
        _all(
            _set("backups-vault-lifecycle", rules__0__expiration={"days": 2.0}),
            _set("backups-vault", tiers={"database/daily/": 2.0}),
        ),
    ),
    AuditedWeakening(
        _STAY,
        "the replica is locked for a day",
        "vault-is-locked",
        _set("backups-replica-lock", rule__defaultRetention__days=1.0),
    ),
    AuditedWeakening(
        _STAY,
        "the denial is for requests from one network",
        "vault-is-guarded",
        _limited("backups-vault-policy", "OnlyBreakGlass", StringEquals={"aws:SourceVpce": "vpce-1a2b3c4d"}),
    ),
    AuditedWeakening(
        _STAY,
        "the denial names the bucket and no object",
        "vault-denies-deletion",
        _with("backups-replica-policy", "OnlyBreakGlass", Resource=[_REPLICA_ARN]),
    ),
    AuditedWeakening(
        _STAY,
        "a second policy of the vault replaces its guard",
        "vault-is-guarded",
        _add(
            _aws(
                "s3/bucketPolicy:BucketPolicy",
                "second",
                bucket=_NAME,
                policy=_statements(_allow("s3:GetObject", f"{_ARN}/*", Principal={"AWS": _ACCOUNT})),
            )
        ),
    ),
    AuditedWeakening(
        _STAY,
        "a deployment plants an issuer's key in the vault",
        "vault-denies-deletion",
        _add(
            _aws(
                "s3/bucketObjectv2:BucketObjectv2",
                "planted",
                bucket=_NAME,
                key="trust/issuer-keys/abc.json",
                content="{}",
            )
        ),
    ),
    AuditedWeakening(
        _STAY,
        "the planner may do anything at S3 by a policy of its own role",
        "writer-cannot-delete",
        _set(
            "backups-identity-planner",
            inlinePolicies=[{"name": "more", "policy": _statements(_allow("s3:*", "*"))}],
        ),
    ),
    AuditedWeakening(
        _STAY,
        "the writer writes a manifest a second time",
        "writer-cannot-overwrite",
        _policy("backups-identity-backup-writer-policy", but("AddOnce", Condition=None)),
    ),
    AuditedWeakening(
        _ARRIVE,
        "only dumps are replicated",
        "vault-is-replicated",
        _set("backups-replication", rules__0__filter={"prefix": "database/"}),
    ),
    AuditedWeakening(
        _ARRIVE,
        "what KMS encrypts is not replicated",
        "vault-is-replicated",
        _set(
            "backups-replication",
            rules__0__sourceSelectionCriteria__sseKmsEncryptedObjects__status="Disabled",
        ),
    ),
    AuditedWeakening(
        _ARRIVE,
        "a delete marker hides the replica's version, too",
        "vault-is-replicated",
        _set("backups-replication", rules__0__deleteMarkerReplication={"status": "Enabled"}),
    ),
    AuditedWeakening(
        _KEYS, "the replica's key is off", "key-is-usable", _set("backups-replica-key", isEnabled=False)
    ),
    AuditedWeakening(
        _KEYS,
        "anybody may decrypt by the key's policy",
        "key-is-governed",
        _policy("backups-vault-key", allowing("kms:Decrypt", "*", Principal={"AWS": "*"})),
    ),
    AuditedWeakening(
        _KEYS,
        "the vault's default key is of another account",
        "vault-is-encrypted-with-its-own-key",
        _set(
            "backups-vault-encryption",
            rules__0__applyServerSideEncryptionByDefault={
                "sseAlgorithm": "aws:kms",
                "kmsMasterKeyId": f"arn:aws:kms:eu-west-1:{_STRANGER}:key/0b1c",
            },
        ),
    ),
    AuditedWeakening(
        _KEYS,
        "a key that was deleted by mistake is gone in a week",
        "key-outlives-a-mistake",
        _set("backups-vault-key", deletionWindowInDays=7.0),
    ),
    AuditedWeakening(
        _KEYS,
        "the writer brings a key of its own along",
        "vault-refuses-other-encryption",
        _policy("backups-vault-policy", without_statement("NoOwnKey")),
    ),
    AuditedWeakening(
        _KEYS,
        "the writer names a key of another account",
        "vault-refuses-other-encryption",
        _policy("backups-replica-policy", without_statement("OnlyDefaultEncryption")),
    ),
    AuditedWeakening(
        _OURS,
        "whoever writes an object says who else has it",
        "bucket-ignores-access-control-lists",
        _set("backups-vault-ownership", rule={"objectOwnership": "ObjectWriter"}),
    ),
    AuditedWeakening(
        _OURS,
        "the trail's bucket can be made public",
        "bucket-is-closed-to-the-public",
        _set("backups-trail-public-access", blockPublicPolicy=False, restrictPublicBuckets=False),
    ),
    AuditedWeakening(
        _OURS,
        "another account reads by the vault's policy",
        "vault-admits-no-stranger",
        _policy(
            "backups-vault-policy",
            allowing(
                ["s3:GetObject", "s3:GetObjectVersion"],
                f"{_ARN}/*",
                Principal={"AWS": f"arn:aws:iam::{_STRANGER}:root"},
            ),
        ),
    ),
    AuditedWeakening(
        _TAMPERING,
        "nothing may bring alarms to the topic",
        "vault-raises-alarms",
        _policy("backups-alarms-us-east-1-topic", without_statement("RulesPublish")),
    ),
    AuditedWeakening(
        _TAMPERING,
        "the access log is gone in a day",
        "vault-access-is-logged",
        _set("backups-vault-access-log-lifecycle", rules__0__expiration={"days": 1.0}),
    ),
    AuditedWeakening(
        _LITTLE,
        "any workflow of the repository reads backups",
        "role-trusts-one-workload",
        _trusting(
            "backups-identity-backup-restorer",
            {
                "StringEquals": {f"{_OIDC}:aud": "sts.amazonaws.com"},
                "StringLike": {f"{_OIDC}:sub": "repo:example@123456/platform@456789:*"},
            },
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "anybody of the account takes on, besides its job, the driller",
        "role-trusts-one-workload",
        _document(
            "backups-identity-driller",
            "assumeRolePolicy",
            _adding(
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"},
                    "Action": "sts:AssumeRole",
                }
            ),
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "a function takes on, besides its job, the restorer",
        "role-trusts-one-workload",
        _document(
            "backups-identity-backup-restorer",
            "assumeRolePolicy",
            _adding(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ),
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "anybody of the organization looks at the replica",
        "role-trusts-one-workload",
        _set(
            "backups-replica-identity-replica-reader",
            assumeRolePolicy=_trust(
                {"AWS": "*"}, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}
            ),
        ),
    ),
    AuditedWeakening(
        _LITTLE,
        "the boundary allows everything",
        "policy-names-its-actions",
        _policy("backups-administration-boundary", allowing("*", "*")),
    ),
    AuditedWeakening(
        _LITTLE,
        "nobody lists the writer's policies",
        "role-policies-are-listed",
        _left_out("backups-identity-backup-writer-policies"),
    ),
    AuditedWeakening(
        _SECRETS,
        "a user reads backups with a key that never ends",
        "no-long-lived-key",
        _add(
            _aws("iam/user:User", "reports", name="reports"),
            _aws("iam/accessKey:AccessKey", "key", user="reports"),
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "an error of the server counts as up",
        "endpoint-monitor-checks-content",
        _set("uptime-frontend-page", successHttpResponseCodes=["2xx", "3xx", "5xx"]),
    ),
    AuditedWeakening(
        _OUTAGES,
        "maintenance is all day and every day",
        "maintenance-window-is-short",
        _set("uptime-maintenance", interval="daily", days=ABSENT, duration=1_440.0),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the health check alarms when all is well",
        "endpoint-monitor-checks-content",
        _set("uptime-backend-health", keywordType="ALERT_EXISTS"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the health check looks at the status page",
        "endpoint-has-monitor",
        _set("uptime-backend-health", url="https://status.example.com/health"),
    ),
    AuditedWeakening(
        _OUTAGES,
        "an outage counts after a hundred failures",
        "endpoint-has-second-prober",
        _set("errors-backend-check-health", downtimeThreshold=100.0),
    ),
    AuditedWeakening(
        _OUTAGES,
        "no phone rings for what is not urgent",
        "page-lasts-until-resolved",
        _set("oncall-oncall-service", incidentUrgencyRule={"type": "constant", "urgency": "low"}),
    ),
    AuditedWeakening(
        _OUTAGES,
        "somebody is on call in office hours",
        "escalation-always-calls-somebody",
        _set(
            "oncall-primary-schedule",
            layers__0__restrictions=[
                {"type": "daily_restriction", "startTimeOfDay": "09:00:00", "durationSeconds": 28_800.0}
            ],
        ),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the second level is the person of the first",
        "escalation-reaches-second-person",
        _set("oncall-primary-schedule", layers__0__users=["P000002"]),
    ),
    AuditedWeakening(
        _OUTAGES,
        "the escalation policy is for lesser outages, as it says",
        "alert-follows-its-route",
        _set("oncall", severities={"example urgent": ["sev4"]}),
    ),
    AuditedWeakening(
        _SILENCE,
        "a missed dump is sought at another job",
        "sentry-monitor-has-alert",
        _made_from("job-database-alert", monitorIds=["job-files-cron"]),
    ),
    AuditedWeakening(
        _SILENCE,
        "a daily job is expected once a week",
        "heartbeat-matches-its-job",
        _set("job-files-heartbeat", interval=604_800.0),
    ),
    AuditedWeakening(
        _ERRORS,
        "the backend is given no DSN",
        "service-receives-its-dsn",
        _set("host-backend-variables", variables=[]),
    ),
    AuditedWeakening(
        _EXCEPTIONS,
        "the lock is left to the console",
        "demanded-inputs-stay-managed",
        _option("backups-vault-lock", ignoreChanges=["rule"]),
    ),
    AuditedWeakening(
        _OURS,
        "the writer of backups reads whatever lies in the vault",
        "writer-cannot-read",
        _policy(
            "backups-identity-backup-writer-policy",
            allowing(["s3:GetObject", "s3:GetObjectVersion"], f"{_ARN}/*"),
        ),
    ),
    *(
        AuditedWeakening(
            _OURS, does, "writer-cannot-read", _policy(f"{role}-policy", allowing("s3:GetObject", keys))
        )
        for does, role, keys in (
            ("a plan of a pull request reads dumps", "backups-identity-planner", f"{_ARN}/database/*"),
            ("a deploy reads dumps", "backups-identity-deployer", f"{_ARN}/database/*"),
            ("the writer of the state reads it", "backups-identity-state-writer", f"{_ARN}/state/*"),
            ("break-glass reads dumps", "backups-administration-break-glass", f"{_ARN}/database/*"),
            (
                "a plan reads the replica",
                "backups-replica-identity-replica-reader",
                f"{_REPLICA_ARN}/*",
            ),
        )
    ),
    *(
        AuditedWeakening(
            _STORES,
            does,
            "vault-is-usable",
            _policy(
                f"backups-{vault}-policy",
                allowing(
                    action,
                    f"{_ARN if vault == 'vault' else _REPLICA_ARN}/*",
                    Effect="Deny",
                    Principal="*",
                    Condition={
                        "ArnNotEquals": {
                            "aws:PrincipalArn": f"arn:aws:iam::{_ACCOUNT}:role/example-break-glass"
                        }
                    },
                ),
            ),
        )
        for does, vault, action in (
            ("nobody but break-glass reads the vault", "vault", ["s3:GetObject", "s3:GetObjectVersion"]),
            ("nobody but break-glass reads the replica", "replica", "s3:GetObject"),
            ("nobody but break-glass writes into the vault", "vault", "s3:PutObject"),
        )
    ),
    AuditedWeakening(
        _STORES,
        "the boundary lets nobody read backups",
        "vault-is-usable",
        _policy(
            "backups-administration-boundary",
            allowing("s3:GetObject*", "*", Effect="Deny"),
        ),
    ),
    *(
        AuditedWeakening(_SECRETS, does, "owner-role-is-given-to-nobody", edit)
        for does, edit in (
            (
                "the database belongs to the application's role",
                _set("database-database", ownerName="platform_app"),
            ),
            (
                "the database belongs to what is made from the application's role",
                lambda stack: [
                    replace(
                        toy,
                        inputs={**toy.inputs, "ownerName": UNKNOWN},
                        made_from={**toy.made_from, "ownerName": ["database-role-application"]},
                    )
                    if toy.name == "database-database"
                    else toy
                    for toy in stack
                ],
            ),
        )
    ),
    *(
        AuditedWeakening(
            _OURS,
            f"{who} may take on the role that {does}",
            "vault-role-trusts-named-principals",
            _set(
                role,
                assumeRolePolicy=json.dumps(
                    {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
                ),
            ),
        )
        for who, principal in (
            ("whoever its account lets assume roles", {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"}),
            ("every machine with its profile", {"Service": "ec2.amazonaws.com"}),
        )
        for does, role in (
            ("restores", "backups-identity-backup-restorer"),
            ("writes backups", "backups-identity-backup-writer"),
            ("drills", "backups-identity-driller"),
            ("deploys", "backups-identity-deployer"),
        )
    ),
    AuditedWeakening(
        _STORES,
        "nobody may read the replica as a whole",
        "vault-can-be-restored",
        _set("backups-replica-identity-replica-restorer-policy", role="example-former-restorer"),
    ),
)
