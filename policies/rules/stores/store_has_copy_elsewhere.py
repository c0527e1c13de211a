"""A store whose backups all lie at one cloud is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.failure_domain import FailureDomain
from policies.facts.jobs import (
    backup_jobs_of,
    copies_of,
    describe_missing_job,
    has_unknown_urns,
    mirror_jobs_of,
    name_cause,
    resolve_urns,
)
from policies.facts.stores import job_backed_stores
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, PropertyValue, Unknown
from policies.framework.rule import (
    Parameters,
    Rule,
    accept_any,
    expect_value,
    in_range,
    number_parameter,
    one_of,
)
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    homes = [
        FailureDomain.of(bucket, stack).cloud
        for job in backup_jobs_of(store, stack)
        for bucket in copies_of(job, stack)
    ]
    copies = [
        _check_job(job, homes, limits["minimum_lock_days"], stack) for job in mirror_jobs_of(store, stack)
    ]
    missing = describe_missing_job(stack, "mirrors", "no scheduled job copies its backups to another cloud")
    return name_cause(accept_any(copies, missing), store, stack)


def _check_job(
    job: Resource, homes: list[PropertyValue], least_days: float, stack: PolicyStack
) -> list[Message]:
    vaults = [
        _check_vault(vault, job, homes, least_days, stack) for vault in resolve_urns(job, "copies", stack)
    ]
    unknown = [unknown_value(job, "copies")] if has_unknown_urns(job, "copies") else []
    return accept_any(vaults, unknown or [message("{job} copies into no vault of this stack", job=job)])


def _check_vault(
    vault: Resource, job: Resource, homes: list[PropertyValue], least_days: float, stack: PolicyStack
) -> list[Message]:
    cloud = FailureDomain.of(vault, stack).cloud
    if isinstance(cloud, Unknown) or Unknown() in homes:
        return [unknown_value(vault, "failureDomain")]
    problems: list[Message] = []
    if not isinstance(cloud, Known) or _name(cloud) in map(_name, homes):
        problems.append(
            message(
                "{vault}, filled by {job}, is at no other cloud than the backups",
                vault=vault,
                job=job,
            )
        )
    problems += expect_value(
        vault.at("lockMode"), vault, "lockMode", one_of("COMPLIANCE"), "has a lock that can be lifted"
    )
    problems += expect_value(
        vault.at("lockDays"), vault, "lockDays", in_range(least_days), "locks its copies for too short"
    )
    if not vault.at("encryptedTo").each():
        problems.append(message("{vault} takes copies that are encrypted to nobody", vault=vault))
    return problems


def _name(cloud: PropertyValue) -> str:
    return str(cloud.value).casefold() if isinstance(cloud, Known) else ""


RULE: Final = Rule(
    id="store-has-copy-elsewhere",
    title="The backups of every store have a locked copy at another cloud, encrypted to a public key",
    violated="has no copy at another cloud",
    severity=Severity.HIGH,
    risk="Whoever closes or takes over the account at the one cloud takes all backups or their keys.",
    fix=(
        "Declare bulwark:backups.elsewhere: a bucket with Object Lock at another cloud, and a public key of "
        "a pair that no job has; let a ScheduledJob name the store in mirrors and the vault in copies."
    ),
    controls=(
        Control.NIST_CP_6_1,
        Control.NIST_CP_9,
        Control.NIST_CP_9_8,
        Control.ISO_A_8_13,
        Control.CIS_11_4,
    ),
    subjects=job_backed_stores,
    judge=_judge,
    parameters=(
        number_parameter(
            "minimum_lock_days", 30, "how long every copy must stay locked, in days", looser="lower"
        ),
    ),
)
