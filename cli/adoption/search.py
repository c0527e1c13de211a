"""Looks at every vendor for what a stack declares and what may exist already."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli.adoption import doors, neon, sentry, uptimerobot, vault
from cli.adoption.finding import Finding, looked_for
from cli.role_credentials import deployer_credentials
from core.failure import Failure
from engine.stack_target import StackTarget
from recovery.vault.client import client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_S3_ATTEMPTS = 3


@dataclass
class SearchResult:
    """What was found, and which vendors did not answer."""

    findings: list[Finding] = field(default_factory=list[Finding])
    failures: list[Failure] = field(default_factory=list[Failure])


def search(
    space: StackTarget,
    keys: Mapping[str, str],
    known: Mapping[str, str],
    progress: Callable[[str], object] = lambda _vendor: None,
) -> SearchResult:
    """
    Look at Neon, UptimeRobot, Sentry and S3; one that does not answer keeps nobody from the others.

    Args:
        space: The stack; its settings say by which names things are looked for.
        keys: The secrets that open the vendors, by their names.
        known: Ids of the resources in the stack's state, by their names.
        progress: Told each vendor before it is asked.
    """
    settings, found = space.settings, SearchResult()
    endpoint = f"http://127.0.0.1:{space.twin.port('aws')}" if space.twin else None

    def s3() -> "S3Client":
        return client(
            settings.backups.region, endpoint, attempts=_S3_ATTEMPTS, key=deployer_credentials(space)
        )

    with doors.opened(space.twin, keys) as apis:
        for vendor, things in (
            ("Neon", neon.things(apis.neon, settings)),
            ("UptimeRobot", uptimerobot.things(apis.uptimerobot, settings)),
            ("Sentry", sentry.things(apis.sentry, settings)),
            ("S3", vault.things(s3, settings)),
        ):
            progress(vendor)
            findings, failure = looked_for(things, known)
            found.findings += findings
            found.failures += [failure] if failure else []
    return found
