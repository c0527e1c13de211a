"""Asks the domain name system about a platform's names."""

from typing import Final
from urllib.parse import urlsplit

import dns.exception
import dns.resolver

from core.failure import Failure
from readiness.check import NotApplicableError
from readiness.live_platform import LivePlatform

_SECONDS: Final = 10.0
_LOOPBACK: Final = frozenset(("localhost", "127.0.0.1", "::1"))


def list_names(platform: LivePlatform) -> list[str]:
    """
    Return the names of the platform's services.

    Raises:
        NotApplicableError: they are all of this machine.
    """
    names = {urlsplit(service.url).hostname or "" for service in platform.services.values()} - _LOOPBACK
    if not names:
        raise NotApplicableError("no service has a name beside this machine's own")
    return sorted(names)


def ask(platform: LivePlatform, name: str, kind: str) -> dns.resolver.Answer | None:
    """
    Return the answer for a name and a kind of records; None where there are none.

    Raises:
        Failure: the resolver does not answer.
    """
    resolver = dns.resolver.Resolver(configure=not platform.name_servers)
    if platform.name_servers:
        resolver.nameservers = [address for address, _ in platform.name_servers]
        resolver.nameserver_ports = dict(platform.name_servers)
    resolver.lifetime = _SECONDS
    try:
        return resolver.resolve(name, kind, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    except (dns.exception.DNSException, OSError) as error:
        raise Failure(
            f"Nobody answers what {kind} {name} has ({type(error).__name__}).",
            "see the name servers of the domain, and run this again.",
        ) from error
