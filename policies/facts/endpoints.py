"""What a stack shows to the public, and who looks at it from outside."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, LiteralString, NamedTuple
from urllib.parse import urlsplit

from policies.facts.jobs import MONITOR
from policies.framework.messages import Text, origin, say, undecided
from policies.framework.property_values import Absent, Known, Reading, Unknown
from policies.framework.rule import Parameters, best
from policies.framework.stack import PolicyStack, Resource

PLATFORM: Final = "bulwark:index:Platform"
PROBER: Final = "sentry:index/uptimeMonitor:UptimeMonitor"
HEALTH: Final = "/health"
"""Where a critical endpoint says whether it works, which is more than that it answers."""

_DOMAINS: Final[dict[str, LiteralString]] = {
    "aws:cloudfront/distribution:Distribution": "aliases",
    "railway:index/customDomain:CustomDomain": "domain",
    "vercel:index/projectDomain:ProjectDomain": "domain",
}
"""Resources that serve the public under names of their own, and the input with those names."""

_LOOKING: Final = (Known("HTTP"), Known("KEYWORD"), Known("API"))  # the types that ask for a page
_PORTS: Final = {"http": 80, "https": 443}


class EndpointAddress(NamedTuple):
    """Where a web address leads, however it is written."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True)
class Endpoint:
    """One address that the public uses."""

    address: EndpointAddress
    critical: bool
    shown: Text

    def say(self, reasons: Iterable[Text]) -> Iterator[Text]:
        """Put before each reason which endpoint it is about."""
        for reason in reasons:
            yield replace(reason, words=f"{self.shown.words}: {reason.words}")


class Endpoints:
    """
    The endpoints of a stack, and what watches each.

    A component publishes its own as `endpoints`: name, url, critical; one that doesn't say whether it is
    critical is. A vendor's domain counts as a critical endpoint, unless a component publishes it.
    """

    def __init__(self, stack: PolicyStack) -> None:
        self._of: dict[Resource, list[Endpoint]] = defaultdict(list)
        self._unreadable: dict[Resource, list[Text]] = defaultdict(list)
        for publisher in stack.publishing("endpoints"):
            for entry in publisher.at("endpoints").each():
                self._add(publisher, entry.at("url"), "endpoints", critical=entry.at("critical"))
        published = {endpoint.address for endpoints in self._of.values() for endpoint in endpoints}
        domains: list[Resource] = []
        for token, name in _DOMAINS.items():
            for domain in stack.of(token):
                hosts = _hosts(domain.at(name))
                if hosts:
                    domains.append(domain)
                for host in hosts:
                    self._add(domain, host, name, critical=Absent(), apart_from=published)
        publishers = [*stack.of(PLATFORM), *stack.publishing("endpoints"), *domains]
        self.publishers: Final = list(dict.fromkeys(publishers))
        monitors = stack.of(MONITOR)
        self._monitors = _Watchers(one for one in monitors if one.at("type") in _LOOKING)
        self._probers = _Watchers(stack.of(PROBER))
        unclear = [undecided(one, "type") for one in monitors if one.at("type") == Unknown()]
        self.hidden_monitors: Final = [*unclear, *self._monitors.hidden]
        """Says of each monitor that can't be placed yet that it might be the one."""
        self.hidden_probers: Final = self._probers.hidden

    def of(self, publisher: Resource) -> list[Endpoint]:
        """Return what a resource publishes and can be read."""
        return self._of.get(publisher, [])

    def unreadable(self, publisher: Resource) -> list[Text]:
        """Return what is wrong with the other entries."""
        return self._unreadable.get(publisher, [])

    def monitors(self, endpoint: Endpoint) -> list[Resource]:
        """Return the UptimeRobot monitors that look at the right place, on or off."""
        found = self._monitors.on(endpoint)
        return [monitor for monitor, path in found if path == HEALTH or not endpoint.critical]

    def monitors_elsewhere(self, endpoint: Endpoint) -> list[Resource]:
        """Return those that look at a critical endpoint, but not at what says whether it works."""
        found = self._monitors.on(endpoint)
        return [monitor for monitor, path in found if path != HEALTH and endpoint.critical]

    def probers(self, endpoint: Endpoint) -> list[Resource]:
        """Return the Sentry uptime monitors on it, on or off."""
        return [prober for prober, _path in self._probers.on(endpoint)]

    def _add(
        self,
        publisher: Resource,
        url: Reading,
        source: LiteralString,
        *,
        critical: Reading,
        apart_from: Iterable[EndpointAddress] = (),
    ) -> None:
        match url:
            case Known(str(text), secret) if address := address_of(text):
                if address not in apart_from:
                    shown = Text("an endpoint with a secret address") if secret else origin(text)
                    found = Endpoint(address, critical != Known(value=False), shown)
                    self._of[publisher].append(found)
            case Unknown():
                self._unreadable[publisher].append(undecided(publisher, source))
            case _:
                self._unreadable[publisher].append(say("one of them has no web address"))


class _Watchers:
    """Monitors of one kind, by where they look."""

    def __init__(self, monitors: Iterable[Resource]) -> None:
        self._at: dict[EndpointAddress, list[tuple[Resource, str]]] = defaultdict(list)
        self.hidden: list[Text] = []
        for monitor in monitors:
            match monitor.at("url"):
                case Known(str(url)) if address := address_of(url):
                    self._at[address].append((monitor, urlsplit(url).path))
                case Unknown():
                    self.hidden.append(undecided(monitor, "url"))
                case _:
                    pass

    def on(self, endpoint: Endpoint) -> list[tuple[Resource, str]]:
        """Return monitors with the paths that they ask for."""
        return self._at.get(endpoint.address, [])


def publishers(stack: PolicyStack) -> list[Resource]:
    """Return the subjects of rules about endpoints."""
    return stack.view(Endpoints).publishers


def judged_by_monitor(
    lacks: Callable[[Resource, Endpoint, PolicyStack, Parameters], Iterable[Text]],
) -> Callable[[Resource, PolicyStack, Parameters], Iterable[Text]]:
    """
    Return how to judge a publisher by what each endpoint's monitor lacks, the best one where it has several.

    Only a monitor that is on counts. Where there is none, nothing is said: endpoint-has-monitor does.
    """

    def judge(publisher: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Text]:
        endpoints = stack.view(Endpoints)
        for endpoint in endpoints.of(publisher):
            looking = [
                monitor
                for monitor in endpoints.monitors(endpoint)
                if monitor.at("isPaused") == Known(value=False)
            ]
            attempts = [list(lacks(monitor, endpoint, stack, limits)) for monitor in looking]
            yield from endpoint.say(best(attempts, []))

    return judge


@cache
def address_of(url: str) -> EndpointAddress | None:
    """Return where a web address leads; None for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.scheme not in _PORTS:
        return None
    return EndpointAddress(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])


def _hosts(names: Reading) -> list[Reading]:
    """Return the web address of each name; `*.example.com` is none that anyone could look at."""
    entries = names.each() if isinstance(names, Known) and isinstance(names.value, list) else [names]
    return [_https(entry) for entry in entries if not isinstance(entry, Absent) and not _is_pattern(entry)]


def _https(name: Reading) -> Reading:
    return Known(f"https://{name.value}", name.secret) if isinstance(name, Known) else name


def _is_pattern(name: Reading) -> bool:
    value: Any = name.value if isinstance(name, Known) else None
    return isinstance(value, str) and value.startswith("*.")
