"""Files of a stack that are right: any blocks present or absent, 0 to 5 of everything."""

from pathlib import Path
from typing import Any, Final

import yaml
from hypothesis import strategies as st

PRODUCTION: Final[dict[str, Any]] = {
    key.removeprefix("bulwark:"): block
    for key, block in yaml.safe_load((Path(__file__).resolve().parents[1] / "Pulumi.prod.yaml").read_text())[
        "config"
    ].items()
}
_SERVICE: Final[dict[str, Any]] = PRODUCTION["services"]["backend"]
_VERCEL: Final[dict[str, Any]] = PRODUCTION["services"]["frontend"]["host"]
_STORES: Final[dict[str, Any]] = PRODUCTION["stores"]
_JOB: Final[dict[str, Any]] = _STORES["files"]["backup"]

NAMES: Final = ("a", "a-b", "a-b-c", "b", "b-c", "backend", "main", "x1", "key", "files")
"""Some could be taken for one another once they are joined with those of other things."""

_NAMES: Final = st.sampled_from(NAMES)
_CHECKS: Final = st.sampled_from(("a", "b", "health", "key", "health_a"))
_FEW: Final = st.integers(0, 5)


def _several(names: st.SearchStrategy[str], entries: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(names, entries, max_size=5)


_CHANNELS: Final = st.one_of(
    st.just({"type": "email", "address": "operations@example.com"}),
    st.just({"type": "webhook"}),
    st.builds(lambda number: {"type": "slack", "workspace": "example", "channel": f"#alerts-{number}"}, _FEW),
    st.builds(lambda number: {"type": "pagerduty", "account": "example", "service": f"s{number}"}, _FEW),
)


@st.composite
def _alerting(draw: st.DrawFn) -> dict[str, Any]:
    channels = {"mail": {"type": "email", "address": "a@example.com"}, **draw(_several(_NAMES, _CHANNELS))}
    some = st.lists(st.sampled_from(sorted(channels)), unique=True, max_size=3)
    services = {
        channel["service"]: name for name, channel in channels.items() if channel["type"] == "pagerduty"
    }
    for name in services.values():  # no two channels declare one service
        if draw(st.booleans()):
            channels[name] = {**channels[name], "escalation": "urgent"}
    routes = {f"sev{level}": sorted({"mail", *draw(some)}) for level in range(1, 5)}
    routes["sev4"] = sorted(channels)  # no channel is told nothing
    return {"channels": channels, "routes": routes}


@st.composite
def _services(draw: st.DrawFn, watchers: list[str]) -> dict[str, Any]:
    services: dict[str, Any] = {}
    for name in draw(st.lists(_NAMES, unique=True, max_size=5)):
        has_errors = "sentry" in watchers and draw(st.booleans())
        usable = [one for one in watchers if one != "sentry" or has_errors]
        check = st.fixed_dictionaries(
            {
                "path": st.sampled_from(("/", "/health")),
                "severity": st.sampled_from(("sev1", "sev2", "sev3", "sev4")),
                "watched_by": st.lists(st.sampled_from(usable), min_size=1, unique=True)
                if usable
                else st.none(),
            },
            optional={"keyword": st.just("ok"), "follow_redirects": st.booleans()},
        )
        services[name] = {
            "url": f"https://{name}.example.com",
            "critical": draw(st.booleans()),
            "checks": draw(_several(_CHECKS, check)) if usable else {},
            **({"errors": _SERVICE["errors"]} if has_errors else {}),
        }
    return services


@st.composite
def _stores(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(_NAMES, unique=True, max_size=5))
    kinds = {name: draw(st.sampled_from(("neon", "postgres", "supabase", "s3"))) for name in names}
    drill = {name: rest for name, rest in _STORES["database"]["drill"].items() if name != "files"}
    stores: dict[str, Any] = {}
    for name, kind in kinds.items():
        match kind:
            case "neon":
                stores[name] = {**_STORES["database"], "project": f"example-{name}", "drill": drill}
                if draw(st.booleans()):
                    del stores[name]["drill"]
            case "postgres":
                stores[name] = {"type": kind, "vendor": "railway", "region": "us-west-1", "backup": _JOB}
                if draw(st.booleans()):
                    stores[name]["drill"] = {key: drill[key] for key in drill if key != "organization"}
                if draw(st.booleans()):
                    stores[name] |= {"cloud": "gcp", "account": "example", "history_hours": 24}
            case "supabase":
                stores[name] = _STORES["files"]
            case _:
                stores[name] = {
                    "type": kind,
                    "vendor": "cloudflare",
                    "endpoint": "https://s3.example.com",
                    "region": "auto",
                    "buckets": ["documents", "pictures"][: draw(st.integers(1, 2))],
                    "backup": _JOB,
                }
    return stores


@st.composite
def _hosts(draw: st.DrawFn, services: dict[str, Any], databases: list[str]) -> dict[str, Any]:
    """Return the services, some of which have a host."""
    placed: dict[str, Any] = {}
    for number, (name, service) in enumerate(services.items()):
        host = draw(st.sampled_from((None, PRODUCTION["services"]["backend"]["host"], _VERCEL)))
        if host is None:
            placed[name] = service
            continue
        own = {"service": f"{number:08}-0000-0000-0000-000000000000"} if host["type"] == "railway" else {}
        own |= {"project": f"prj_{number}"} if host["type"] == "vercel" else {}
        database = {"database": draw(st.sampled_from(databases))} if databases else {}
        rest = {key: value for key, value in host.items() if key != "database"}
        secrets = draw(st.lists(st.sampled_from(("KEY", "URL")), unique=True))
        given = {"variables": {"NODE_ENV": "production"}, "secrets": secrets}
        placed[name] = {**service, "host": {**rest, **own, **database, **given}}
    return placed


@st.composite
def right_files(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the blocks of a stack's file that is right."""
    present = {name: draw(st.booleans()) for name in ("backups", "uptime", "errors", "alerting")}
    watchers = [one for one, block in (("uptimerobot", "uptime"), ("sentry", "errors")) if present[block]]
    blocks: dict[str, Any] = {name: PRODUCTION[name] for name, there in present.items() if there}
    blocks["platform"] = PRODUCTION["platform"]
    if "alerting" in blocks:
        blocks["alerting"] = draw(_alerting())
        if any("escalation" in channel for channel in blocks["alerting"]["channels"].values()):
            blocks["oncall"] = PRODUCTION["oncall"]
    if draw(st.booleans()):
        blocks["services"] = draw(_services(watchers))
    if draw(st.booleans()):
        blocks["stores"] = draw(_stores())
    if "services" in blocks:
        stores = blocks.get("stores", {})
        databases = [name for name, store in stores.items() if store["type"] == "neon"]
        blocks["services"] = draw(_hosts(blocks["services"], databases))
    if "errors" in blocks:
        reporting = [name for name, one in blocks.get("services", {}).items() if "errors" in one]
        blocks["errors"] = {
            **{key: value for key, value in blocks["errors"].items() if key != "jobs_service"},
            **({"jobs_service": draw(st.sampled_from(reporting))} if reporting else {}),
        }
    if "backups" in blocks and draw(st.booleans()):
        blocks["backups"] = {key: value for key, value in blocks["backups"].items() if key != "elsewhere"}
    return blocks
