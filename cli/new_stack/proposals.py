"""What `init` proposes, in the notation of its options, of what exists at the vendors."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from cli.new_stack.inventory import Inventory
from live.uptimerobot import LiveMonitor

_WATCHING: Final = frozenset(("HTTP", "KEYWORD"))
"""Types of monitors at UptimeRobot that look at an address."""

_OF_OTHERS: Final = re.compile(r"(alerting|backups|errors|job|uptime|all|drill|elsewhere|proof|state)(-|$)")
"""What no store's name begins with, or is (components/settings/stores.py)."""

_LONGEST: Final = 30
"""Characters of the name of a service or a store."""


def propose_services(monitors: Iterable[LiveMonitor]) -> list[str]:
    """Return `NAME=ADDRESS` for each https address that a monitor looks at, whoever made it."""
    names: dict[str, str] = {}
    proposed: dict[str, None] = {}
    for url in sorted({monitor.url for monitor in monitors if monitor.url and monitor.type in _WATCHING}):
        try:
            parts = urlsplit(url)
        except ValueError:
            continue
        if parts.scheme == "https" and parts.hostname and not parts.query and "@" not in parts.netloc:
            name = names.get(parts.netloc) or _name(parts.hostname.split(".")[0], names.values())
            names[parts.netloc] = name
            proposed[f"{name}=https://{parts.netloc}{parts.path}"] = None
    return list(proposed)


def propose_stores(inventory: Inventory) -> list[str]:
    """Return `NAME=TYPE:PROJECT` for each database project at Neon, and each at Supabase with buckets."""
    taken: list[str] = []
    proposed: list[str] = []
    for project in inventory.neon:
        name = _name("database" if len(inventory.neon) == 1 else project.name, taken)
        taken.append(name)
        is_found = inventory.find_neon(project.name) and project.name == project.name.strip()
        proposed.append(f"{name}=neon:{project.name if is_found else project.id}")
    with_files = [one for one in inventory.supabase if inventory.list_buckets(one.ref)]
    for found in with_files:
        name = _name("files" if len(with_files) == 1 else found.name, taken)
        taken.append(name)
        proposed.append(f"{name}=supabase:{found.ref}")
    return proposed


def _name(text: str, taken: Iterable[str]) -> str:
    """Return a name that both a service and a store may have, and nothing has yet."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not re.match("[a-z]", words) or _OF_OTHERS.match(words):
        words = f"the-{words}".rstrip("-")
    words, others = words[:_LONGEST].rstrip("-"), set(taken)
    numbers = (f"{words[: _LONGEST - 3]}-{number}" for number in range(2, 1_000))
    return next(name for name in (words, *numbers) if name not in others)
