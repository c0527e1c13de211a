"""A vault in an account without a trail that outlasts a thief is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import LOCK, POLICY, TRAIL, Buckets, arn_of, vaults
from policies.facts.failure_domain import FailureDomain
from policies.facts.guards import ROOT_MAY, judge_log_guard, judge_retention
from policies.facts.iam_documents import ANYONE, read_statements
from policies.facts.iam_requests import IamRequest, is_allowed
from policies.facts.kms_keys import KmsKeys
from policies.facts.lifecycles import default_retention, retention_days
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import (
    Parameter,
    Parameters,
    Rule,
    accept_any,
    expect_value,
    in_range,
    number_parameter,
    one_of,
)
from policies.framework.stack import PolicyStack, Resource

_MODES: Final = ["COMPLIANCE", "GOVERNANCE"]
_CATEGORY: Final = "eventCategory"
_OF_OBJECTS: Final = (Known(_CATEGORY), Known("resources.type"), Known("resources.ARN"))
_SERVICE: Final = ("Service", "cloudtrail.amazonaws.com")
_EXCLUDING: Final = ("notEquals", "notStartsWiths", "notEndsWiths")

_KEPT: Final = number_parameter(
    "minimum_days", 90, "for how long the record must be kept, in days", looser="lower"
)
_LOCKED: Final = number_parameter(
    "minimum_lock_days", 30, "for how long nobody may delete a record, in days", looser="lower"
)


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    account = FailureDomain.of(vault, stack).account
    if not isinstance(account, Known):
        return [unknown_value(vault, "account")]
    if any(_names_trail(component, account) for component in stack.publishers("trailArn")):
        return []
    trails = [
        [*_check_trail(trail, stack, limits), *_check_objects(trail, vault, stack)]
        for trail in stack.of_type(TRAIL)
        if FailureDomain.of(trail, stack).account == account
    ]
    return accept_any(trails, [message("no trail records the calls of its account")])


def _names_trail(component: Resource, account: Known) -> bool:
    """Tell whether a component names a trail of the account that the stack does not declare."""
    return component.at("account") == account and isinstance(component.at("trailArn"), Known)


def _check_trail(trail: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    yield from _check_record(trail)
    yield from _check_key(trail, stack)
    index = stack.view(Buckets)
    buckets = index.resolve(trail, "s3BucketName")
    if not buckets:
        yield message("{trail} writes to no bucket of this stack", trail=trail)
    for bucket in buckets:
        locks = index.parts_or_inline(bucket, LOCK, "objectLockConfiguration")
        if not locks:
            yield message("{bucket} locks nothing", bucket=bucket)
        for lock in locks:
            mode = default_retention(lock).at("mode")
            yield from expect_value(
                mode,
                lock,
                "rule.defaultRetention.mode",
                one_of(*limits["modes"]),
                "has a mode that can be lifted",
            )
            yield from expect_value(
                retention_days(default_retention(lock)),
                lock,
                "rule.defaultRetention.days",
                in_range(limits[_LOCKED.name]),
                "locks for too few days",
            )
        yield from judge_log_guard(bucket, stack, root_may=limits[ROOT_MAY.name])
        yield from judge_retention(bucket, stack, limits[_KEPT.name])
        yield from _check_delivery(trail, bucket, stack)


def _check_delivery(trail: Resource, bucket: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield why CloudTrail can't write into a bucket (CloudTrail, "S3 bucket policy for CloudTrail")."""
    index, account = stack.view(Buckets), FailureDomain.of(trail, stack).account
    prefix = trail.at("s3KeyPrefix")
    if isinstance(prefix, Unknown):
        yield unknown_value(trail, "s3KeyPrefix")
        return
    path = f"{prefix.value}/AWSLogs" if isinstance(prefix, Known) else "AWSLogs"
    owner = str(account.value) if isinstance(account, Known) else ""
    context = {
        "aws:securetransport": ("true",),
        "s3:tlsversion": ("1.3",),
        "s3:x-amz-acl": ("bucket-owner-full-control",),
        "aws:sourceaccount": (owner,),
    }
    if arn := _arn_of(trail, stack):
        context["aws:sourcearn"] = (arn,)
    request = IamRequest(
        "s3:PutObject", f"{arn_of(bucket)}/{path}/{owner}/*", f"arn:aws:iam::{owner}:", context
    )
    policies = index.parts_or_inline(bucket, POLICY, "policy")
    documents = [read_statements(policy) for policy in policies]
    about = [
        one
        for statements, _ in documents
        for one in statements
        if _SERVICE in one.principals or ANYONE in one.principals or one.has_not_principal
    ]
    unreadable = any(problems for _, problems in documents)
    if not unreadable and not is_allowed(
        request, identity=about, boundary=None, resource=(), in_own_account=True
    ):
        yield message("{bucket} takes nothing from {trail}", bucket=bucket, trail=trail)


def _arn_of(trail: Resource, stack: PolicyStack) -> str:
    """Return a trail's ARN, or one that it will have; nothing if its name is not known."""
    domain, named = FailureDomain.of(trail, stack), trail.at("name")
    match trail.output("arn"), domain.region, domain.account, named:
        case Known(str(arn)), _, _, _:
            return arn
        case _, Known(region), Known(account), Known(name):
            return f"arn:aws:cloudtrail:{region}:{account}:trail/{name}"
        case _:
            return ""


def _check_record(trail: Resource) -> Iterator[Message]:
    """Yield which calls it leaves out, and why it could be forged."""
    yes, unless_off = one_of(True), (Absent(), Known(value=True))
    for path in ("enableLogging", "includeGlobalServiceEvents", "advancedEventSelectors"):
        if isinstance(trail.at(path), Unknown):
            yield unknown_value(trail, path)
    yield from expect_value(
        trail.at("isMultiRegionTrail"), trail, "isMultiRegionTrail", yes, "records one region alone"
    )
    yield from expect_value(
        trail.at("enableLogFileValidation"),
        trail,
        "enableLogFileValidation",
        yes,
        "can't be told from a forged one",
    )
    if trail.at("enableLogging") not in unless_off:
        yield message("{trail} is off", trail=trail)
    if trail.at("includeGlobalServiceEvents") not in unless_off:
        yield message("{trail} leaves out the calls to IAM", trail=trail)
    if not _records_management(trail):
        yield message("{trail} leaves out calls that manage something", trail=trail)
    if _leaves_objects_out(trail):
        yield message("{trail} leaves out calls that take an object away", trail=trail)


def _check_key(trail: Resource, stack: PolicyStack) -> Iterator[Message]:
    key_id = trail.at("kmsKeyId")
    if isinstance(key_id, Absent) or stack.view(KmsKeys).resolve(trail, "kmsKeyId", key_id):
        return
    if isinstance(key_id, Unknown):
        yield unknown_value(trail, "kmsKeyId")
    else:
        yield message("{trail} is encrypted with a key that this stack does not declare", trail=trail)


def _records_management(trail: Resource) -> bool:
    """Tell whether it records all calls that manage something; without selectors it does."""
    if trail.at("eventSelectors") != Absent():
        return False
    match trail.at("advancedEventSelectors"):
        case Absent():
            return True
        case Unknown():
            return False
        case selectors:
            return any(
                [field.at("field") for field in fields] == [Known(_CATEGORY)]
                and fields[0].at("equals", 0) == Known("Management")
                for fields in (selector.at("fieldSelectors").each() for selector in selectors.each())
            )


def _check_objects(trail: Resource, vault: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield that it records the objects of other buckets alone; in production a vault's must be recorded."""
    scopes = [
        [value for name, field in fields if name == Known("resources.ARN") for value in _prefixes_of(field)]
        for selector in trail.at("advancedEventSelectors").each()
        if (fields := [(one.at("field"), one) for one in selector.at("fieldSelectors").each()])
        and any(
            name == Known("resources.type") and Known("AWS::S3::Object") in field.at("equals").each()
            for name, field in fields
        )
    ]
    arn = f"{arn_of(vault)}/"
    covered = any(not scope or any(arn.startswith(prefix) for prefix in scope) for scope in scopes)
    unknown = any(isinstance(selector, Unknown) for selector in trail.at("advancedEventSelectors").each())
    if not unknown and not covered and (scopes or find_production(stack)):
        yield message("{trail} leaves out what is done to the objects of {vault}", trail=trail, vault=vault)


def _prefixes_of(field: PropertyValue) -> Iterator[str]:
    for operator in ("equals", "startsWith", "startsWiths"):
        for value in field.at(operator).each():
            yield str(value.value) if isinstance(value, Known) else ""


def _leaves_objects_out(trail: Resource) -> bool:
    """Tell whether a selector of objects, where there is one, leaves out calls that change them."""
    for selector in trail.at("advancedEventSelectors").each():
        fields = [(field.at("field"), field) for field in selector.at("fieldSelectors").each()]
        kinds = [field.at("equals").each() for name, field in fields if name == Known("resources.type")]
        if not any(Known("AWS::S3::Object") in kind for kind in kinds):
            continue
        for name, field in fields:
            narrows = any(not isinstance(field.at(operator), Absent) for operator in _EXCLUDING)
            changes = name == Known("readOnly") and field.at("equals").each() == [Known("false")]
            if narrows or not (name in _OF_OBJECTS or changes):
                return True
    return False


RULE: Final = Rule(
    id="vault-account-keeps-a-trail",
    title="Who called what in the account of a vault is recorded where nobody can delete it",
    violated="is in an account without a record to rely on",
    severity=Severity.HIGH,
    risk="No alarm is raised without a trail, and after a theft nobody can tell what was taken.",
    fix=(
        "Declare a Trail of all regions with log file validation into a versioned bucket with a lock, whose "
        "policy denies all but a role for emergencies to loosen it; or name one that records the account "
        "already (backups.trail)."
    ),
    controls=(Control.NIST_AU_2, Control.NIST_AU_9, Control.CIS_8_2, Control.ISO_A_8_15, Control.SOC_CC7_2),
    subjects=vaults,
    judge=_judge,
    parameters=(
        ROOT_MAY,
        _KEPT,
        _LOCKED,
        Parameter(
            "modes",
            ["COMPLIANCE"],
            {"type": "array", "items": {"type": "string", "enum": _MODES}, "minItems": 1},
            "which modes of the lock are fine",
            looser="more",
        ),
    ),
)
