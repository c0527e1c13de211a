"""Searches every vendor for what a stack declares."""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from cli.adoption import aws, neon, pagerduty, sentry, uptimerobot, vercel
from cli.adoption.finding import Finding, ResourceKind, Vendors, find_existing
from core.failure import Failure
from engine.stack_target import StackTarget
from live import vendor_apis
from live.aws_access import AwsAccess
from live.declared import DeclaredStack, StateResource, name_of

KINDS: Final[Mapping[str, Sequence[ResourceKind]]] = {
    "AWS": aws.KINDS,
    "Neon": neon.KINDS,
    "UptimeRobot": uptimerobot.KINDS,
    "Sentry": sentry.KINDS,
    "PagerDuty": pagerduty.KINDS,
    "Vercel": vercel.KINDS,
}
"""Vendor -> what of it is searched for. What is not in it is a setting of something that is."""


@dataclass
class SearchResult:
    """What was found, and the failures of vendors that did not answer."""

    findings: list[Finding] = field(default_factory=list[Finding])
    failures: list[Failure] = field(default_factory=list[Failure])


def search(
    target: StackTarget,
    tokens: Mapping[str, str],
    declared: Sequence[StateResource],
    state: Sequence[StateResource],
    *,
    only: Collection[str] | None = None,
    on_progress: Callable[[str], object] = lambda _vendor: None,
) -> SearchResult:
    """
    Search the vendors. The failure of one does not stop the search of the others.

    Args:
        target: The stack.
        tokens: The vendors' tokens by the variables that their providers read.
        declared: The resources that its programs declare, with the providers.
        state: The resources in its states.
        only: Names of the resources that are searched for; without it, all.
        on_progress: Called with each vendor before it is asked.
    """
    result, states = SearchResult(), DeclaredStack(state)
    existing = target.settings.existing
    present = {**existing.adopt, **existing.reference}
    with _ask(target, tokens, declared, {**present, **_ids(state)}) as vendors:
        for vendor, kinds in KINDS.items():
            on_progress(vendor)
            findings, failure = find_existing(
                vendor, kinds, vendors, states=states, present=present, only=only
            )
            result.findings += findings
            result.failures += [failure] if failure else []
    return result


@contextmanager
def _ask(
    target: StackTarget,
    tokens: Mapping[str, str],
    declared: Sequence[StateResource],
    ids: Mapping[str, str],
) -> Generator[Vendors]:
    access = AwsAccess(
        target.aws_endpoint,
        find_key=lambda: target.owner_credentials(replica=False),
        find_replica_key=lambda: target.owner_credentials(replica=True),
        next_step=aws.SIGN_IN,
    )
    with vendor_apis.open_apis(target, tokens) as apis:
        yield Vendors(target.settings, apis, access, DeclaredStack(declared), ids)


def _ids(state: Sequence[StateResource]) -> dict[str, str]:
    return {name_of(resource): str(resource.get("id", "")) for resource in state if resource.get("custom")}
