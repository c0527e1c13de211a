"""A vault is refused if nobody is told of calls that precede its loss, or that silence its alarms."""

from collections.abc import Iterable, Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.alarms import AlarmRules, Call, judge_topic
from policies.facts.buckets import LOGGING, Buckets, vaults
from policies.facts.failure_domain import FailureDomain
from policies.facts.guards import ROOT_MAY, find_guard
from policies.facts.iam_documents import ROLE, read_statements
from policies.facts.iam_roles import boundaries
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known
from policies.framework.rule import Parameters, Rule, number_parameter
from policies.framework.stack import PolicyStack, Resource

_KEY_CALLS: Final[tuple[LiteralString, ...]] = (
    "CreateGrant",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "PutKeyPolicy",
    "ScheduleKeyDeletion",
    "UpdateAlias",
)
_BUCKET_CALLS: Final[tuple[LiteralString, ...]] = (
    "DeleteBucketEncryption",
    "DeleteBucketLifecycle",
    "DeleteBucketPolicy",
    "DeleteBucketReplication",
    "PutBucketAcl",
    "PutBucketEncryption",
    "PutBucketLifecycle",
    "PutBucketLogging",
    "PutBucketObjectLockConfiguration",
    "PutBucketPolicy",
    "PutBucketReplication",
    "PutBucketVersioning",
)
_TRAIL_CALLS: Final[tuple[LiteralString, ...]] = (
    "DeleteTrail",
    "PutEventSelectors",
    "StopLogging",
    "UpdateTrail",
)
_RULE_CALLS: Final[tuple[LiteralString, ...]] = ("DeleteRule", "DisableRule", "PutRule")
_TARGET_CALLS: Final[tuple[LiteralString, ...]] = ("PutTargets", "RemoveTargets")
_ROLE_CALLS: Final[tuple[LiteralString, ...]] = (
    "AttachRolePolicy",
    "DeleteRolePermissionsBoundary",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "UpdateAssumeRolePolicy",
)
_BOUNDARY_CALLS: Final[tuple[LiteralString, ...]] = ("CreatePolicyVersion", "SetDefaultPolicyVersion")
_ISSUER: Final = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
_ISSUER_CALLS: Final[tuple[LiteralString, ...]] = (
    "AddClientIDToOpenIDConnectProvider",
    "DeleteOpenIDConnectProvider",
)
_REGION: Final = "aws:RequestedRegion"
_ADMINISTRATION: Final = "bulwark:index:Administration"
_GLOBAL: Final = "us-east-1"


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    domain, alarms = FailureDomain.of(vault, stack), stack.view(AlarmRules)
    match domain.account, domain.region:
        case Known(str(account)), Known(str(region)):
            pass
        case _:
            yield unknown_value(vault, "region")
            return
    yield from alarms.problems
    for call in _calls_about(vault, stack):
        if not alarms.tell(call, account, region):
            yield _not_told(call)
    yield from stack.view(_judge_watch, account, region)
    yield from stack.view(_judge_roles, account)
    yield from stack.view(_judge_watch, account, _GLOBAL)
    yield from stack.view(_judge_break_glass, account)
    rules = (*alarms.in_region(account, region), *alarms.in_all_regions(account))
    for topic in dict.fromkeys(topic for rule in rules for topic in rule.topics):
        yield from judge_topic(
            topic, stack, least=limits["minimum_endpoints"], root_may=limits[ROOT_MAY.name]
        )


def _calls_about(vault: Resource, stack: PolicyStack) -> Iterator[Call]:
    for name in _KEY_CALLS:
        yield Call(name, "kms", {"keyId": "1234abcd-12ab-34cd-56ef-1234567890ab"})
    index = stack.view(Buckets)
    logs = [
        log for part in index.parts_or_inline(vault, LOGGING, "logging") for log in index.log_targets(part)
    ]
    for bucket in dict.fromkeys([vault, *logs]):
        match bucket.at("bucket"):
            case Known(str(called)):
                for name in _BUCKET_CALLS:
                    yield Call(name, "s3", {"bucketName": called})
            case _:
                pass
    for name in _TRAIL_CALLS:
        yield Call(name, "cloudtrail", {"name": "trail"})


def _not_told(call: Call) -> Message:
    return message("no alarm tells of " + call.name)


def _judge_roles(stack: PolicyStack, account: str) -> tuple[Message, ...]:
    """Return which calls about the roles of an account nobody is told of."""
    alarms = stack.view(AlarmRules)
    calls = _calls_about_roles(account, stack)
    return tuple(_not_told(call) for call in calls if not alarms.tell(call, account, _GLOBAL))


def _calls_about_roles(account: str, stack: PolicyStack) -> Iterator[Call]:
    bounding = set(stack.view(boundaries).values())
    for role in stack.of_type(ROLE):
        named, own = role.at("name"), FailureDomain.of(role, stack).account
        if own == Known(account) and isinstance(named, Known):
            for name in _ROLE_CALLS:
                yield Call(name, "iam", {"roleName": str(named.value)})
    for policy in bounding:
        named = policy.at("name")
        if isinstance(named, Known) and FailureDomain.of(policy, stack).account == Known(account):
            for name in _BOUNDARY_CALLS:
                yield Call(name, "iam", {"policyArn": f"arn:aws:iam::{account}:policy/{named.value}"})
    for issuer in stack.of_type(_ISSUER):
        if FailureDomain.of(issuer, stack).account == Known(account):
            for name in _ISSUER_CALLS:
                yield Call(
                    name, "iam", {"openIDConnectProviderArn": f"arn:aws:iam::{account}:oidc-provider/x"}
                )


def _judge_watch(stack: PolicyStack, account: str, region: str) -> tuple[Message, ...]:
    """Return what silences a rule, and no other rule tells: a rule that is off doesn't tell of it itself."""
    alarms = stack.view(AlarmRules)
    problems: list[Message] = []
    for rule in alarms.in_region(account, region):
        if not rule.topics:
            problems.append(message("{rule} tells no topic of this stack", rule=rule.resource))
        calls = [
            *(Call(name, "events", {"name": rule.name}) for name in _RULE_CALLS),
            *(Call(name, "events", {"rule": rule.name}) for name in _TARGET_CALLS),
        ]
        problems += [
            message("no other alarm tells of " + call.name + " against {rule}", rule=rule.resource)
            for call in calls
            if not alarms.tell(call, account, region, but=rule)
        ]
    return tuple(problems)


def _judge_break_glass(stack: PolicyStack, account: str) -> tuple[Message, ...]:
    return tuple(_find_silent_break_glass(account, stack, stack.view(AlarmRules)))


def _find_silent_break_glass(account: str, stack: PolicyStack, alarms: AlarmRules) -> Iterator[Message]:
    for component in stack.publishers("breakGlassArn"):
        match component.at("breakGlassArn"):
            case Known(str(arn)) if arn.split(":")[4:5] == [account]:
                role = find_guard(arn, stack)
                regions = _list_regions(role) if role else []
                if role and not regions:
                    yield message("{role} can be taken on in regions without an alarm", role=role)
                call = Call("AssumeRole", "sts", {"roleArn": arn}, reads=True)
                for region in regions:
                    if role and not alarms.tell(call, account, region):
                        yield message("{role} can be taken on in a region without an alarm", role=role)
            case Known():
                pass
            case _:
                yield unknown_value(component, "breakGlassArn")
    for component in stack.of_type(_ADMINISTRATION):
        if isinstance(component.at("breakGlassArn"), Absent):
            yield message("{component} does not say whose use is to be told", component=component)


def _list_regions(role: Resource) -> list[str]:
    """Return the only regions in which a role can be taken on; none if there are others."""
    statements, _ = read_statements(role, "assumeRolePolicy")
    limits = [statement.allowed_values(_REGION) for statement in statements if statement.allows]
    return [] if not all(limits) else [region for limit in limits for region in limit]


RULE: Final = Rule(
    id="vault-raises-alarms",
    title="Somebody is told of calls that precede the loss of backups",
    violated="can be attacked without an alarm",
    severity=Severity.HIGH,
    risk="A thief disables the key, opens the bucket or stops the logs, and nobody knows until a restore.",
    fix=(
        "Declare EventBridge rules about these calls in the vault's region and in us-east-1, each watched by "
        "another one, with an SNS topic that only break-glass can change and that tells two endpoints."
    ),
    controls=(Control.NIST_SI_4, Control.SOC_CC7_2, Control.ISO_A_8_16),
    subjects=vaults,
    judge=_judge,
    parameters=(
        ROOT_MAY,
        number_parameter(
            "minimum_endpoints",
            2,
            "how many endpoints are told, so that the last is not lost",
            looser="lower",
        ),
    ),
)
