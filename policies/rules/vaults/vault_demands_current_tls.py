"""A vault that accepts outdated TLS is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.iam_documents import Statement
from policies.facts.s3_access import denies, judge_policies
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number
from policies.framework.rule import Parameters, Rule, number_parameter
from policies.framework.stack import PolicyStack, Resource

_OPERATORS: Final = ("NumericLessThan", "NumericLessThanIfExists")


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    least = limits["minimum_version"]

    def check(statements: list[Statement], arn: str) -> Iterator[Message]:
        if not any(
            denies(statement, "s3:*", arn, f"{arn}/*") and _is_about_old_versions(statement, least)
            for statement in statements
        ):
            yield message("its policy does not deny everyone TLS before {version}", version=number(least))

    return judge_policies(vault, stack, check)


def _is_about_old_versions(statement: Statement, least: float) -> bool:
    match statement.conditions:
        case ((operator, "s3:tlsversion", (value,)),) if operator in _OPERATORS:
            try:
                return float(value) >= least
            except ValueError:
                return False
        case _:
            return False


RULE: Final = Rule(
    id="vault-demands-current-tls",
    title="Every bucket that holds backups refuses outdated TLS",
    violated="accepts outdated TLS",
    severity=Severity.MEDIUM,
    risk="Old versions of TLS have known attacks, so a listener may learn what is in the backups.",
    fix="Let the bucket policy deny s3:* to everyone where s3:TlsVersion is less than 1.2.",
    controls=(Control.NIST_SC_8, Control.SOC_CC6_7, Control.CIS_3_10),
    subjects=vaults,
    judge=_judge,
    # TLS 1.0 and 1.1 are deprecated (RFC 8996).
    parameters=(
        number_parameter(
            "minimum_version", 1.2, "the oldest version of TLS that may be used", looser="lower"
        ),
    ),
)
