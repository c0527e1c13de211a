"""Whose a thing is that a stack does not declare, where other stacks stand beside it in the same accounts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from components.settings import Settings, SupabaseSettings
from components.settings.services import project_slug
from live.finding import LiveFinding, name


@dataclass(frozen=True)
class OwnNames:
    """The names that what a stack declares has at the vendors, by its settings."""

    whole: frozenset[str]
    """Names of things as findings have them, without ids: such as `neon/project/example-staging`."""

    beginnings: tuple[str, ...]
    """What such names begin with."""

    @classmethod
    def of(cls, settings: Settings) -> "OwnNames":
        platform, errors, backups = settings.platform.name, settings.errors, settings.backups
        slugs = [project_slug(one, service) for one, service in settings.services.items() if service.errors]
        accounts = {backups.account, backups.replica_account} if backups else set[str]()
        whole = [name("neon/project", store.organization, store.project) for store in settings.neon.values()]
        beginnings = [
            name("aws/account", account, kind, f"{platform}-")
            for account in sorted(accounts)
            for kind in ("role", "bucket")
        ]
        for store in settings.sources.values():
            if isinstance(store, SupabaseSettings):
                whole += [name("supabase/bucket", store.project, bucket) for bucket in store.buckets]
        if settings.uptime:
            beginnings.append(name("uptimerobot/monitor", f"{platform} "))
        if errors:
            # A monitor is known by its project.
            whole += [
                name(kind, errors.organization, slug)
                for slug in slugs
                for kind in ("sentry/project", "sentry/monitor")
            ]
        return cls(frozenset(whole), tuple(beginnings))

    def match(self, called: str) -> int:
        """Return how many characters of a name say that it is the stack's; 0 if none do."""
        if called in self.whole:
            return len(called)
        return max((len(one) for one in self.beginnings if called.startswith(one)), default=0)


def leave_to_others(
    findings: Iterable[LiveFinding], own: Settings, others: Mapping[str, Settings]
) -> tuple[list[LiveFinding], dict[str, int]]:
    """
    Return the findings that are this stack's to judge, and how many each other stack's own audit judges.

    A thing is of the stack whose names it has, by the longest beginning that fits: `example-staging-x` is of
    `example-staging`, and not of `example`. What fits none, or what no entry may excuse, is this stack's.

    Args:
        findings: What exists and is not declared.
        own: The settings of the stack that is audited.
        others: Stack -> settings, of those that stand beside it.
    """
    names, own_names = {stack: OwnNames.of(one) for stack, one in others.items()}, OwnNames.of(own)
    rest: list[LiveFinding] = []
    counts: Counter[str] = Counter()
    for finding in findings:
        matches = {stack: one.match(finding.called) for stack, one in sorted(names.items())}
        owner = max(matches, key=matches.__getitem__, default="")
        if owner and finding.can_be_reviewed and matches[owner] > own_names.match(finding.called):
            counts[owner] += 1
        else:
            rest.append(finding)
    return rest, dict(counts)
