"""Searches every vendor for the resources of a stack that may exist already."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli.adoption import neon, sentry, uptimerobot, vault
from cli.adoption.finding import Finding, find_existing
from core.failure import Failure
from engine.stack_target import StackTarget
from live import vendor_apis
from recovery.vault.client import create_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_S3_ATTEMPTS = 3


@dataclass
class SearchResult:
    """What was found, and the failures of vendors that did not answer."""

    findings: list[Finding] = field(default_factory=list[Finding])
    failures: list[Failure] = field(default_factory=list[Failure])


def search(
    target: StackTarget,
    tokens: Mapping[str, str],
    known: Mapping[str, str],
    on_progress: Callable[[str], object] = lambda _vendor: None,
) -> SearchResult:
    """
    Search Neon, UptimeRobot, Sentry and S3. The failure of one does not stop the search of the others.

    Args:
        target: The stack; its settings hold the names that are searched for.
        tokens: The vendors' tokens by the variables that their providers read.
        known: Ids of the resources in the stack's state by name.
        on_progress: Called with each vendor before it is asked.
    """
    settings, result = target.settings, SearchResult()

    def s3() -> "S3Client":
        return create_client(
            settings.backups.region,
            target.aws_endpoint,
            attempts=_S3_ATTEMPTS,
            access_key=target.deployer_credentials(),
        )

    with vendor_apis.open_apis(target, tokens) as apis:
        for vendor, resources in (
            ("Neon", neon.adoptable_resources(apis.neon, settings)),
            ("UptimeRobot", uptimerobot.adoptable_resources(apis.uptimerobot, settings)),
            ("Sentry", sentry.adoptable_resources(apis.sentry, settings)),
            ("S3", vault.adoptable_resources(s3, settings)),
        ):
            on_progress(vendor)
            findings, failure = find_existing(resources, known)
            result.findings += findings
            result.failures += [failure] if failure else []
    return result
