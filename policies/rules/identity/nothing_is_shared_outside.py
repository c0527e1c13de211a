"""A resource whose policy, list of accounts or grant lets in somebody of another account is refused."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.iam_documents import read_statements
from policies.facts.kms_keys import KEY, REPLICA_KEY
from policies.facts.s3_access import is_open
from policies.facts.strangers import admits_strangers, is_own, own_accounts
from policies.framework.controls import Control
from policies.framework.messages import Message, input_name, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameter, Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_DOCUMENTS: Final[tuple[LiteralString, ...]] = (
    "accessPolicies",
    "accessPolicy",
    "policy",
    "policyDocument",
    "resourcePolicy",
)
"""Inputs with a policy of the resource itself."""

_JUDGED_ELSEWHERE: Final = (
    # Rules of their own know what these must say; those of networks say who passes, and not what is theirs.
    "aws:apigateway/",
    "aws:ec2/vpcEndpoint",
    "aws:iam/",
    "aws:s3/bucket:",
    "aws:s3/bucketPolicy:",
    "aws:s3/accessPoint:",
    "aws:secretsmanager/",
    "aws:ssoadmin/",
)
_LISTS: Final[dict[str, tuple[LiteralString, ...]]] = {
    "aws:docdb/clusterSnapshot:ClusterSnapshot": ("sharedAccounts",),
    "aws:ec2/amiLaunchPermission:AmiLaunchPermission": ("accountId", "group", "organizationArn"),
    "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission": ("accountId",),
    "aws:kms/grant:Grant": ("granteePrincipal", "retiringPrincipal"),
    "aws:lambda/layerVersionPermission:LayerVersionPermission": ("principal",),
    "aws:ram/principalAssociation:PrincipalAssociation": ("principal",),
    "aws:rds/clusterSnapshot:ClusterSnapshot": ("sharedAccounts",),
    "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy": ("sharedAccounts",),
    "aws:rds/snapshot:Snapshot": ("sharedAccounts",),
    "aws:rds/snapshotCopy:SnapshotCopy": ("sharedAccounts",),
    "aws:redshift/endpointAuthorization:EndpointAuthorization": ("account",),
    "aws:s3control/accessGrant:AccessGrant": ("grantee",),
    "neon:index/projectPermission:ProjectPermission": ("grantee",),
}
"""Type -> its inputs with those to whom it gives something."""

_FUNCTION: Final = "aws:lambda/permission:Permission"
_SHARE: Final = "aws:ram/resourceShare:ResourceShare"
_SERVICE: Final = re.compile(r"[a-z0-9.-]+\.amazonaws\.com")
_LISTENER: Final = re.compile(r"arn:[^:]+:[^:]+:[^:]*:[0-9]{12}:.+")
_ACCOUNTS: Final = Parameter(
    "accounts",
    [],
    {"type": "array", "items": {"type": "string", "pattern": "^[0-9]{12}$"}},
    "other AWS accounts with which something is shared on purpose",
    looser="more",
)


def _judge(resource: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    own = own_accounts(stack) | set(limits[_ACCOUNTS.name])
    for name in _DOCUMENTS:
        if not isinstance(resource.at(name), Absent) and _has_own_policy(resource):
            yield from _check_document(resource, name, own)
    for name in _LISTS.get(resource.type, ()):
        yield from _check_list(resource, name, own, stack)
    if resource.type == _FUNCTION:
        yield from _check_function(resource, own)
    if resource.type == _SHARE and resource.at("allowExternalPrincipals") == Known(value=True):
        yield message("it may be given to accounts of other organizations")


def _has_own_policy(resource: Resource) -> bool:
    return resource.type.startswith("aws:") and not resource.type.startswith(_JUDGED_ELSEWHERE)


def _check_document(resource: Resource, name: LiteralString, own: Collection[str]) -> Iterator[Message]:
    statements, unreadable = read_statements(resource, name)
    yield from (problem for problem in unreadable if problem.undecided)
    for statement in statements:
        accounts = tuple((kind, who) for kind, who in statement.principals if kind == "AWS" and who != "*")
        named = bool(own and accounts) and admits_strangers(replace(statement, principals=accounts), own)
        # Who may use a key that is open to anyone, another rule asks of all of them.
        if named or (is_open(statement) and resource.type not in (KEY, REPLICA_KEY)):
            yield message("its {name} lets in somebody of another account", name=input_name(name))


def _check_list(
    resource: Resource, name: LiteralString, own: Collection[str], stack: PolicyStack
) -> Iterator[Message]:
    value = resource.at(name)
    for entry in [*value.each(), *value.items().values()] or [value]:
        match entry:
            case Unknown() if stack.dependencies(resource, name):
                pass  # made from something of the stack's own
            case Unknown():
                yield unknown_value(resource, name)
            case Known(str(text)) if not _is_inside(text, own):
                yield message("its {name} names somebody outside", name=input_name(name))
            case _:
                pass


def _is_inside(text: str, own: Collection[str]) -> bool:
    return is_own(text, own) or text in {"IAM", "arn:aws:iam::aws:policy"}


def _check_function(permission: Resource, own: Collection[str]) -> Iterator[Message]:
    """Yield that it lets in whoever asks a service of AWS for it, or another account."""
    match permission.at("principal"):
        case Unknown():
            yield unknown_value(permission, "principal")
        case Known(str(text)) if _SERVICE.fullmatch(text):
            if not _is_bound(permission):
                yield message(
                    "a service may call it for any account (no sourceAccount, and no full sourceArn)"
                )
        case Known(str(text)) if not (is_own(text, own) or not isinstance(_organization(permission), Absent)):
            yield message("its principal names somebody outside")
        case _:
            pass


def _organization(permission: Resource) -> PropertyValue:
    return permission.at("principalOrgId")


def _is_bound(permission: Resource) -> bool:
    source = permission.at("sourceArn")
    named = isinstance(source, Unknown) or (
        isinstance(source, Known) and bool(_LISTENER.fullmatch(str(source.value)))
    )
    return named or not isinstance(permission.at("sourceAccount"), Absent)


def _find_subjects(stack: PolicyStack) -> list[Resource]:
    return [
        resource
        for resource in stack.resources
        if resource.is_custom
        and (
            resource.type in _LISTS
            or resource.type in (_FUNCTION, _SHARE)
            or (_has_own_policy(resource) and any(name in resource.inputs.value for name in _DOCUMENTS))
        )
    ]


RULE: Final = Rule(
    id="nothing-is-shared-outside",
    title="No resource's policy, list of accounts or grant lets in anyone of another account",
    violated="is shared with somebody outside",
    severity=Severity.CRITICAL,
    risk="A snapshot, an image, a queue or a key is a stranger's, and no login of the account shows it.",
    fix=(
        "Name accounts of the stack alone, or list the account in this rule's `accounts`, with a waiver of "
        "settings-only-tighten; give a service of AWS sourceAccount, or a sourceArn with the account."
    ),
    controls=(Control.NIST_AC_3, Control.SOC_CC6_1, Control.SOC_CC6_6, Control.ISO_A_8_3, Control.CIS_3_3),
    subjects=_find_subjects,
    judge=_judge,
    parameters=(_ACCOUNTS,),
)
