"""Public endpoints of a stack, and the monitors that probe each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, LiteralString, NamedTuple
from urllib.parse import urlsplit

from policies.facts.jobs import MONITOR
from policies.facts.sentry import UPTIME_MONITOR
from policies.framework.messages import Message, message, origin, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, accept_any
from policies.framework.stack import PolicyStack, Resource

PLATFORM: Final = "bulwark:index:Platform"
HEALTH_PATH: Final = "/health"
"""Path of a critical endpoint's health check, which reports whether the service works."""

_DOMAIN_INPUTS: Final[dict[str, LiteralString]] = {
    "aws:cloudfront/distribution:Distribution": "aliases",
    "railway:index/customDomain:CustomDomain": "domain",
    "vercel:index/projectDomain:ProjectDomain": "domain",
}
"""Types that serve the public under a custom domain, and the input with the domain's names."""

_PAGE_MONITOR_TYPES: Final = (Known("HTTP"), Known("KEYWORD"), Known("API"))
"""Types of UptimeRobot monitors that request a page."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class EndpointAddress(NamedTuple):
    """Scheme, host and port of a URL, with the scheme's default port."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True)
class Endpoint:
    """One public address."""

    address: EndpointAddress
    critical: bool
    label: Message
    path: str | None = None
    """Path and query of a published watch, which its monitor must request; else any path, or /health."""

    def is_looked_at(self, path: str) -> bool:
        """Tell whether a monitor of its address that requests this path looks at it."""
        if self.path is not None:
            return path == self.path
        return not self.critical or path.partition("?")[0] == HEALTH_PATH

    def prefix(self, problems: Iterable[Message]) -> Iterator[Message]:
        """Yield each problem with the endpoint's label before it."""
        for problem in problems:
            yield replace(problem, text=f"{self.label.text}: {problem.text}")


class Endpoints:
    """
    The endpoints of a stack, and the monitors of each.

    A component publishes its endpoints as the fact `endpoints`: name, url, critical (default: true). A
    vendor's custom domain counts as a critical endpoint, unless a component publishes its address. A URL of
    the fact `watches` is one more endpoint of whoever publishes its address.
    """

    def __init__(self, stack: PolicyStack) -> None:
        self._by_publisher: dict[Resource, list[Endpoint]] = defaultdict(list)
        self._unreadable: dict[Resource, list[Message]] = defaultdict(list)
        for publisher in stack.publishers("endpoints"):
            for entry in publisher.at("endpoints").each():
                self._add(publisher, entry.at("url"), "endpoints", critical=entry.at("critical"))
        published = {endpoint.address for endpoints in self._by_publisher.values() for endpoint in endpoints}
        domains: list[Resource] = []
        for token, name in _DOMAIN_INPUTS.items():
            for domain in stack.of_type(token):
                urls = _urls_of(domain.at(name))
                if urls:
                    domains.append(domain)
                for url in urls:
                    self._add(domain, url, name, critical=Absent(), apart_from=published)
        for publisher, endpoint in list(self._find_watched(stack)):
            self._by_publisher[publisher].append(endpoint)
        publishers = [*stack.of_type(PLATFORM), *stack.publishers("endpoints"), *domains]
        self.publishers: Final = list(dict.fromkeys(publishers))
        monitors = stack.of_type(MONITOR)
        pages = (monitor for monitor in monitors if monitor.at("type") in _PAGE_MONITOR_TYPES)
        self._monitors = _MonitorIndex(pages)
        self._probers = _MonitorIndex(stack.of_type(UPTIME_MONITOR))
        untyped = [unknown_value(monitor, "type") for monitor in monitors if monitor.at("type") == Unknown()]
        self.undecided_monitors: Final = [*untyped, *self._monitors.undecided]
        """One message for each monitor whose type or URL is not known yet."""
        self.undecided_probers: Final = self._probers.undecided

    def endpoints_of(self, publisher: Resource) -> list[Endpoint]:
        """Return the endpoints that a resource publishes, without the unreadable ones."""
        return self._by_publisher.get(publisher, [])

    def unreadable(self, publisher: Resource) -> list[Message]:
        """Return one message for each unreadable endpoint of a resource."""
        return self._unreadable.get(publisher, [])

    def monitors(self, endpoint: Endpoint) -> list[Resource]:
        """Return the UptimeRobot monitors of an endpoint, paused or not; a critical one's probe /health."""
        monitors = self._monitors.find(endpoint)
        return [monitor for monitor, path in monitors if endpoint.is_looked_at(path)]

    def monitors_of_other_paths(self, endpoint: Endpoint) -> list[Resource]:
        """Return the UptimeRobot monitors of an endpoint's address that request another path than its own."""
        monitors = self._monitors.find(endpoint)
        return [monitor for monitor, path in monitors if not endpoint.is_looked_at(path)]

    def probers(self, endpoint: Endpoint) -> list[Resource]:
        """Return the Sentry uptime monitors of an endpoint, on or off; a critical one's probe /health."""
        probers = self._probers.find(endpoint)
        return [prober for prober, path in probers if path == HEALTH_PATH or not endpoint.critical]

    def _find_watched(self, stack: PolicyStack) -> Iterator[tuple[Resource, Endpoint]]:
        """Yield the watched URLs of published addresses, each with the publisher of its address."""
        by_address = {
            endpoint.address: (publisher, endpoint)
            for publisher, endpoints in self._by_publisher.items()
            for endpoint in endpoints
        }
        for component in stack.publishers("watches"):
            for entry in component.at("watches").each():
                url = entry.at("url")
                address = address_of(url.value) if isinstance(url, Known) else None
                if address and isinstance(url, Known) and address in by_address:
                    publisher, endpoint = by_address[address]
                    yield publisher, replace(endpoint, critical=False, path=path_of(url.value))

    def _add(
        self,
        publisher: Resource,
        url: PropertyValue,
        source: LiteralString,
        *,
        critical: PropertyValue,
        apart_from: Iterable[EndpointAddress] = (),
    ) -> None:
        match url:
            case Known(str(text), secret) if address := address_of(text):
                if address not in apart_from:
                    label = Message("an endpoint with a secret address") if secret else origin(text)
                    endpoint = Endpoint(address, critical != Known(value=False), label)
                    self._by_publisher[publisher].append(endpoint)
            case Unknown():
                self._unreadable[publisher].append(unknown_value(publisher, source))
            case _:
                self._unreadable[publisher].append(message("one of them has no web address"))


class _MonitorIndex:
    """Monitors of one kind, by the address that they probe."""

    def __init__(self, monitors: Iterable[Resource]) -> None:
        self._by_address: dict[EndpointAddress, list[tuple[Resource, str]]] = defaultdict(list)
        self.undecided: list[Message] = []
        for monitor in monitors:
            match monitor.at("url"):
                case Known(str(url)) if address := address_of(url):
                    self._by_address[address].append((monitor, path_of(url)))
                case Unknown():
                    self.undecided.append(unknown_value(monitor, "url"))
                case _:
                    pass

    def find(self, endpoint: Endpoint) -> list[tuple[Resource, str]]:
        """Return the monitors of an endpoint, each with the path that it requests."""
        return self._by_address.get(endpoint.address, [])


def publishers(stack: PolicyStack) -> list[Resource]:
    """Return the subjects of rules about endpoints."""
    return stack.view(Endpoints).publishers


def judge_by_monitor(
    check: Callable[[Resource, Endpoint, PolicyStack, Parameters], Iterable[Message]],
) -> Callable[[Resource, PolicyStack, Parameters], Iterable[Message]]:
    """
    Return a judge of publishers: each endpoint must have a monitor that `check` has no problem with.

    Only monitors that are not paused count. An endpoint without one passes: endpoint-has-monitor refuses it.
    """

    def judge(publisher: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
        endpoints = stack.view(Endpoints)
        for endpoint in endpoints.endpoints_of(publisher):
            active = [
                monitor
                for monitor in endpoints.monitors(endpoint)
                if monitor.at("isPaused") == Known(value=False)
            ]
            alternatives = [list(check(monitor, endpoint, stack, limits)) for monitor in active]
            yield from endpoint.prefix(accept_any(alternatives, []))

    return judge


def asks_for_another_host(headers: PropertyValue) -> bool:
    """Tell whether headers of a probe name a host: what answers then is not what its URL says."""
    return any(name.strip().lower() == "host" for name in headers.items())


@cache
def address_of(url: str) -> EndpointAddress | None:
    """Return the address of an http or https URL; None for any other text."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.scheme not in _DEFAULT_PORTS:
        return None
    return EndpointAddress(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme])


def path_of(url: str) -> str:
    """Return the path of a URL that can be read, with its query."""
    parts = urlsplit(url)
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _urls_of(names: PropertyValue) -> list[PropertyValue]:
    """Return the https URL of each domain name, without wildcards such as `*.example.com`."""
    entries = names.each() if isinstance(names, Known) and isinstance(names.value, list) else [names]
    return [
        _https_url(entry) for entry in entries if not isinstance(entry, Absent) and not _is_wildcard(entry)
    ]


def _https_url(name: PropertyValue) -> PropertyValue:
    return Known(f"https://{name.value}", name.secret) if isinstance(name, Known) else name


def _is_wildcard(name: PropertyValue) -> bool:
    value: Any = name.value if isinstance(name, Known) else None
    return isinstance(value, str) and value.startswith("*.")
