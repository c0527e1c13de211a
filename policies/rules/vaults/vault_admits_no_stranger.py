"""A vault that somebody outside of the stack's own accounts may read, write, decrypt or copy is refused."""

from collections.abc import Collection, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import POLICY, REPLICATION, Buckets, vaults
from policies.facts.iam_documents import Statement, parse_statements, read_statements
from policies.facts.kms_keys import GRANT, KmsKeys
from policies.facts.s3_access import is_open
from policies.facts.strangers import admits_strangers, judge_account, own_accounts
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameter, Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_READING: Final = ("s3:GetObject", "s3:GetObjectVersion")
_NAMED_CALLERS: Final = ("aws:PrincipalArn", "aws:SourceArn", "aws:userid")
_ACCESS_POINT: Final = "aws:s3/accessPoint:AccessPoint"
_ACCESS_POINT_POLICY: Final = "aws:s3control/accessPointPolicy:AccessPointPolicy"
_INVENTORY: Final = "aws:s3/inventory:Inventory"
_POINT_OF_ALL_REGIONS: Final = "aws:s3control/multiRegionAccessPoint:MultiRegionAccessPoint"
_POINT_OF_ALL_REGIONS_POLICY: Final = (
    "aws:s3control/multiRegionAccessPointPolicy:MultiRegionAccessPointPolicy"
)
_ANALYTICS: Final = "aws:s3/analyticsConfiguration:AnalyticsConfiguration"
_GRANTS: Final = "aws:s3control/accessGrantsLocation:AccessGrantsLocation"
_PAYMENT: Final = "aws:s3/bucketRequestPaymentConfiguration:BucketRequestPaymentConfiguration"
_OPENINGS: Final = {
    _PAYMENT: "requestPayer",
    "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration": "website",
    "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": "corsRules",
}
_NOTIFICATION: Final = "aws:s3/bucketNotification:BucketNotification"
_TOLD: Final = {"lambdaFunctions": "lambdaFunctionArn", "queues": "queueArn", "topics": "topicArn"}
_SWITCHES: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_ACCOUNTS: Final = Parameter(
    "accounts",
    [],
    {"type": "array", "items": {"type": "string", "pattern": "^[0-9]{12}$"}},
    "other AWS accounts that are let in on purpose",
    looser="more",
)

_UNBOUND: Final = Message(
    "could not be decided: no AWS provider declares allowedAccountIds, which are the stack's own accounts",
    undecided=True,
)


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    own = own_accounts(stack) | set(limits[_ACCOUNTS.name])
    if not own:
        yield _UNBOUND
        return
    keys = stack.view(KmsKeys)
    policies = stack.view(Buckets).parts_or_inline(vault, POLICY, "policy")
    for key in keys.of_bucket(vault):
        policies += [*keys.policies_of(key), *([] if isinstance(key.at("policy"), Absent) else [key])]
        for grant in stack.of_type(GRANT):
            if key in keys.resolve(grant, "keyId", grant.at("keyId")):
                yield from _judge_grant(grant, own)
    points = [point for point in stack.of_type(_ACCESS_POINT) if vault in _find_buckets(point, stack)]
    at_points = [point for point in points if not isinstance(point.at("policy"), Absent)]
    at_points += [
        policy
        for policy in stack.of_type(_ACCESS_POINT_POLICY)
        if any(point in stack.dependencies(policy, "accessPointArn") for point in points)
    ]
    yield from _judge_documents(policies, at_points, own)
    for point in points:
        yield from _judge_point(point, own)
    yield from _judge_openings(vault, stack)
    yield from _judge_notifications(vault, stack, own)
    yield from _judge_inventories(vault, stack, own)
    yield from _judge_points_of_all_regions(vault, stack, own)
    for replication in stack.view(Buckets).parts(vault, REPLICATION):
        yield from _judge_destinations(replication, own)


def _judge_documents(
    policies: list[Resource], at_points: list[Resource], own: Collection[str]
) -> Iterator[Message]:
    for policy in (*policies, *at_points):
        statements, unreadable = read_statements(policy)
        yield from unreadable
        # What is open to anyone is refused by rules of its own, but for access points.
        judged = [one for one in statements if policy in at_points or not is_open(one)]
        if any(admits_strangers(statement, own) for statement in judged):
            yield message("{policy} lets in somebody of another account", policy=policy)
        elif any(_admits_everybody(statement) for statement in judged):
            yield message("{policy} lets in everybody of an account", policy=policy)


def _admits_everybody(statement: Statement) -> bool:
    """Tell whether anybody of an account reads by a statement, without a right of their own."""
    anybody = statement.has_not_principal or any(who == "*" for _, who in statement.principals)
    return (
        statement.allows
        and anybody
        and any(statement.covers_action(action) for action in _READING)
        and not any(map(statement.allowed_values, _NAMED_CALLERS))
    )


def _judge_notifications(vault: Resource, stack: PolicyStack, own: Collection[str]) -> Iterator[Message]:
    for notification in stack.view(Buckets).parts(vault, _NOTIFICATION):
        named = [one.at(name) for kind, name in _TOLD.items() for one in notification.at(kind).each()]
        if any(isinstance(arn, Known) and not judge_account(arn, own) for arn in named):
            yield message("{notification} tells another account of its backups", notification=notification)


def _judge_inventories(vault: Resource, stack: PolicyStack, own: Collection[str]) -> Iterator[Message]:
    for inventory in stack.view(Buckets).parts(vault, _INVENTORY):
        to = inventory.at("destination", "bucket")
        yield from _judge_list(inventory, to.at("bucketArn"), to.at("accountId"), own, stack)
    for analytics in stack.view(Buckets).parts(vault, _ANALYTICS):
        to = analytics.at("storageClassAnalysis", "dataExport", "destination", "s3BucketDestination")
        if not isinstance(to, Absent):
            yield from _judge_list(analytics, to.at("bucketArn"), to.at("bucketAccountId"), own, stack)


def _judge_list(
    part: Resource, arn: PropertyValue, account: PropertyValue, own: Collection[str], stack: PolicyStack
) -> Iterator[Message]:
    """Yield that a list of backups goes to a bucket of somebody else, or of nobody whom the stack knows."""
    if isinstance(arn, Unknown) and not stack.dependencies(part):
        yield unknown_value(part, "destination")
        return
    declared = isinstance(arn, Unknown) or (
        isinstance(arn, Known) and stack.view(Buckets).by_arn(str(arn.value)) is not None
    )
    at_home = declared if isinstance(account, Absent) else judge_account(account, own)
    if at_home is None:
        yield unknown_value(part, "destination")
    elif not at_home:
        yield message("{part} lists its backups to another account", part=part)


def _judge_point(point: Resource, own: Collection[str]) -> Iterator[Message]:
    account, blocked = point.at("accountId"), point.at("publicAccessBlockConfiguration")
    if isinstance(account, Known) and not judge_account(account, own):
        yield message("{point} is a way in of another account", point=point)
    if any(blocked.at(switch) == Known(value=False) for switch in _SWITCHES):
        yield message("{point} lets the public in", point=point)


def _judge_openings(vault: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield what hands its objects out besides policies: a website, a payer, and grants of access."""
    for token, inline in _OPENINGS.items():
        for part in stack.view(Buckets).parts_or_inline(vault, token, inline):
            if token == _PAYMENT:
                yield message("{part} refuses whoever does not offer to pay, as no job does", part=part)
            else:
                yield message("{part} hands its objects out", part=part)
    for location in stack.of_type(_GRANTS):
        scope = location.at("locationScope")
        if not isinstance(scope, Known) or str(scope.value) in ("s3://", _scope_of(vault)):
            yield message("{location} hands its objects out by grants", location=location)


def _scope_of(vault: Resource) -> str:
    name = vault.at("bucket")
    return f"s3://{name.value}" if isinstance(name, Known) else ""


def _judge_points_of_all_regions(
    vault: Resource, stack: PolicyStack, own: Collection[str]
) -> Iterator[Message]:
    index = stack.view(Buckets)
    points = [
        point.at("details", "name")
        for point in stack.of_type(_POINT_OF_ALL_REGIONS)
        for region in point.at("details", "regions").each()
        if isinstance(name := region.at("bucket"), Known) and index.by_arn(str(name.value)) == vault
    ]
    for policy in stack.of_type(_POINT_OF_ALL_REGIONS_POLICY) if points else ():
        if policy.at("details", "name") in points or Unknown() in (*points, policy.at("details", "name")):
            statements, unreadable = parse_statements(
                policy.at("details", "policy"), policy, "details.policy"
            )
            yield from unreadable
            if any(admits_strangers(statement, own) for statement in statements):
                yield message("{policy} lets in somebody of another account", policy=policy)


def _find_buckets(point: Resource, stack: PolicyStack) -> list[Resource]:
    return stack.view(Buckets).resolve(point, "bucket")


def _judge_grant(grant: Resource, own: Collection[str]) -> Iterator[Message]:
    match judge_account(grant.at("granteePrincipal"), own):
        case True:
            pass
        case None:
            yield unknown_value(grant, "granteePrincipal")
        case False:
            yield message("{grant} gives its key to somebody of another account", grant=grant)


def _judge_destinations(replication: Resource, own: Collection[str]) -> Iterator[Message]:
    for rule in replication.at("rules").each():
        account = rule.at("destination", "account")
        if isinstance(account, Absent):  # then the owner of the source keeps the copy
            continue
        match judge_account(account, own):
            case True:
                pass
            case None:
                yield unknown_value(replication, "rules.destination.account")
            case False:
                yield message("{replication} copies into another account", replication=replication)


RULE: Final = Rule(
    id="vault-admits-no-stranger",
    title="Nobody but named principals of the stack's own accounts gets at a vault",
    violated="lets in more than its own",
    severity=Severity.CRITICAL,
    risk="Whoever reads a bucket and may use its key takes every backup out, and no lock keeps them from it.",
    fix="Name principals of the stack's own accounts alone, or list the account in this rule's `accounts`, "
    "with a waiver of settings-only-tighten that says why.",
    controls=(Control.NIST_AC_3, Control.SOC_CC6_1, Control.SOC_CC6_6, Control.ISO_A_8_3),
    subjects=vaults,
    judge=_judge,
    parameters=(_ACCOUNTS,),
)
