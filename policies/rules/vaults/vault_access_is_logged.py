"""A vault without an access log, or whose log can be forged or deleted or expires too soon, is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import LOGGING, Buckets, vaults
from policies.facts.guards import ROOT_MAY, judge_log_guard, judge_retention
from policies.facts.iam_documents import Statement
from policies.facts.s3_access import DESTRUCTIVE_OBJECT_ACTIONS, PUT, judge_policies, limits_callers, reaches
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Unknown
from policies.framework.rule import Parameters, Rule, number_parameter
from policies.framework.stack import PolicyStack, Resource

_DELIVERY: Final = ("Service", "logging.s3.amazonaws.com")


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    bucket_index = stack.view(Buckets)
    logging = bucket_index.parts_or_inline(vault, LOGGING, "logging")
    if not logging:
        yield message("its access is not logged")
    for part in logging:
        if part.at("targetGrants").each():
            yield message("{part} gives its log away by an access control list", part=part)
        targets = [bucket for bucket in bucket_index.log_targets(part) if bucket != vault]
        if not targets:
            target = part.at("targetBucket") if part != vault else part.at("logging", "targetBucket")
            yield (
                unknown_value(part, "targetBucket")
                if isinstance(target, Unknown)
                else message("{part} logs to no other bucket of this stack", part=part)
            )
        for target in targets:
            yield from judge_policies(
                target, stack, lambda statements, arn, log=target: _check_policy(statements, arn, log)
            )
            yield from judge_retention(target, stack, limits["minimum_days"])
            yield from judge_log_guard(target, stack, root_may=limits[ROOT_MAY.name])


def _check_policy(statements: list[Statement], arn: str, log: Resource) -> Iterator[Message]:
    allowing = [statement for statement in statements if statement.allows and reaches(statement, arn)]
    for_delivery = [statement for statement in allowing if statement.principals == (_DELIVERY,)]
    delivering = [statement for statement in for_delivery if statement.covers(PUT, f"{arn}/*")]
    if not delivering:
        yield message("{log} does not take what log delivery brings", log=log)
    if not all(limits_callers(statement) for statement in delivering):
        yield message("{log} takes what log delivery brings of any account", log=log)
    for_others = (statement for statement in allowing if statement.principals != (_DELIVERY,))
    forging = (PUT, *DESTRUCTIVE_OBJECT_ACTIONS)
    if any(statement.covers_action(action) for statement in for_others for action in forging):
        yield message("{log} lets others than log delivery write or delete", log=log)


RULE: Final = Rule(
    id="vault-access-is-logged",
    title="Every request to a bucket that holds backups is recorded, and the record is kept",
    violated="has no access log to rely on",
    severity=Severity.HIGH,
    risk="After an incident nobody can tell who read the backups, or who tried to delete them.",
    fix=(
        "Declare a BucketLogging to another bucket whose policy lets logging.s3.amazonaws.com alone write, "
        "for this account, and denies all but a role for emergencies to delete or loosen anything; whose "
        "versioning is on, and whose lifecycle keeps the log for months."
    ),
    controls=(
        Control.NIST_AU_2,
        Control.NIST_AU_9,
        Control.NIST_AU_11,
        Control.ISO_A_8_15,
        Control.CIS_8_2,
        Control.CIS_8_10,
        Control.SOC_CC7_2,
    ),
    subjects=vaults,
    judge=_judge,
    parameters=(
        ROOT_MAY,
        # 90 days: the least that CIS Controls 8.10 asks for.
        number_parameter("minimum_days", 90, "for how long the record must be kept, in days", looser="lower"),
    ),
)
