"""Any combination of blocks, with any number of everything, is declared whole or refused with each reason."""

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_PROGRAM: Final = Path(__file__).with_name("declared_by_mocks.py")
_PRODUCTION: Final[dict[str, Any]] = {
    key.removeprefix("bulwark:"): block
    for key, block in yaml.safe_load(Path("Pulumi.prod.yaml").read_text())["config"].items()
}
_SERVICE: Final[dict[str, Any]] = _PRODUCTION["services"]["backend"]
_STORES: Final[dict[str, Any]] = _PRODUCTION["stores"]
_JOB: Final[dict[str, Any]] = _STORES["files"]["backup"]

Answer = dict[str, Any]
Ask = Callable[[dict[str, Any]], Answer]

# Names that could be taken for one another once they are joined with those of other things.
_NAMES: Final = st.sampled_from(("a", "a-b", "a-b-c", "b", "b-c", "backend", "main", "x1", "key", "files"))
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
def _files(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the blocks of a stack's file that is right."""
    present = {name: draw(st.booleans()) for name in ("backups", "uptime", "errors", "alerting")}
    watchers = [one for one, block in (("uptimerobot", "uptime"), ("sentry", "errors")) if present[block]]
    blocks: dict[str, Any] = {name: _PRODUCTION[name] for name, there in present.items() if there}
    blocks["platform"] = _PRODUCTION["platform"]
    if "alerting" in blocks:
        blocks["alerting"] = draw(_alerting())
    if draw(st.booleans()):
        blocks["services"] = draw(_services(watchers))
    if draw(st.booleans()):
        blocks["stores"] = draw(_stores())
    if "errors" in blocks:
        reporting = [name for name, one in blocks.get("services", {}).items() if "errors" in one]
        blocks["errors"] = {
            **{key: value for key, value in blocks["errors"].items() if key != "jobs_service"},
            **({"jobs_service": draw(st.sampled_from(reporting))} if reporting else {}),
        }
    if "backups" in blocks and draw(st.booleans()):
        blocks["backups"] = {key: value for key, value in blocks["backups"].items() if key != "elsewhere"}
    return blocks


@pytest.fixture(scope="module")
def ask() -> Generator[Ask]:
    """Answer what a file declares, or why it is refused."""
    with subprocess.Popen(
        [sys.executable, "-P", str(_PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin
        assert running.stdout
        stdin, stdout = running.stdin, running.stdout

        def question(blocks: dict[str, Any]) -> Answer:
            stdin.write(json.dumps(blocks) + "\n")
            stdin.flush()
            return json.loads(stdout.readline())

        yield question
        stdin.close()


_EXAMPLES: Final = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_EXAMPLES
@given(blocks=_files())
def test_what_is_right_is_declared_and_no_two_things_have_one_name(ask: Ask, blocks: dict[str, Any]) -> None:
    answer = ask(blocks)
    assert "problems" not in answer, answer["problems"]
    assert "failure" not in answer, answer["failure"]
    assert answer["twice"] == []
    for vendor, (there, token) in _needs(blocks).items():
        declared = any(
            kind.startswith((f"{vendor}:", f"pulumi:providers:{vendor}")) for kind in answer["types"]
        )
        assert declared is there, vendor
        assert (token in answer["tokens"]) is (there and bool(token)), vendor
    channels = blocks.get("alerting", {}).get("channels", {})
    targets = {f"{name}_target" for name, channel in channels.items() if channel["type"] != "email"}
    assert {name for name in answer["secrets"] if name.endswith("_target")} == targets


def test_the_service_of_jobs_gets_their_reports_whatever_names_sort_first(ask: Ask) -> None:
    backend, frontend = (_PRODUCTION["services"][name] for name in ("backend", "frontend"))
    assert _PRODUCTION["errors"]["jobs_service"] == "backend"
    # The engine hands settings over with sorted keys: the browser's service comes first.
    blocks = {
        **_PRODUCTION,
        "services": {"client": frontend, "server": backend},
        "errors": {**_PRODUCTION["errors"], "jobs_service": "server"},
    }
    projects = ask(blocks)["projects"]
    monitors = ["errors-server-check-health", *(name for name in projects if name.endswith("-cron"))]
    assert {name: projects[name] for name in monitors} == dict.fromkeys(monitors, "errors-server-project")
    assert len(monitors) == 6


def _needs(blocks: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    """Return of each vendor whether the file has something of it, and the token for it."""
    at_neon = any(store["type"] == "neon" for store in blocks.get("stores", {}).values())
    return {
        "uptimerobot": ("uptime" in blocks, "UPTIMEROBOT_API_KEY"),
        "sentry": ("errors" in blocks, "SENTRY_AUTH_TOKEN"),
        "neon": (at_neon, "NEON_API_KEY"),
        # In jobs GitHub's token opens it.
        "aws": ("backups" in blocks, ""),
    }


def _spoil_store(blocks: dict[str, Any], name: str) -> str:
    blocks["stores"] = {**blocks.get("stores", {}), name: {**_STORES["files"], "buckets": []}}
    return f"stores.{name}.buckets"


def _spoil_service(blocks: dict[str, Any], name: str) -> str:
    blocks["services"] = {**blocks.get("services", {}), name: {"url": "http://example.com"}}
    return f"services.{name}.url"


def _spoil_check(blocks: dict[str, Any], name: str) -> str:
    service = {
        "url": f"https://{name}.example.org",
        "checks": {"health": {"path": "health", "severity": "sev1"}},
    }
    blocks["services"] = {**blocks.get("services", {}), name: service}
    return f"services.{name}.checks.health.path"


def _spoil_route(blocks: dict[str, Any], name: str) -> str:
    alerting = blocks.get("alerting", _PRODUCTION["alerting"])
    routes = {**alerting["routes"], "sev3": [*alerting["routes"]["sev3"], f"nobody-{name}"]}
    blocks["alerting"] = {**alerting, "routes": routes}
    return "alerting.routes.sev3"


def _spoil_backups(blocks: dict[str, Any], name: str) -> str:
    blocks["backups"] = {**_PRODUCTION["backups"], "region": f"region-{name}!"}
    return "backups.region"


def _add_block(blocks: dict[str, Any], name: str) -> str:
    blocks[f"{name}-other"] = {}
    return f"{name}-other"


_MISTAKES: Final = (
    _spoil_store,
    _spoil_service,
    _spoil_check,
    _spoil_route,
    _spoil_backups,
    _add_block,
)


@_EXAMPLES
@given(
    blocks=_files(),
    mistakes=st.lists(st.sampled_from(_MISTAKES), min_size=1, max_size=4, unique=True),
    data=st.data(),
)
def test_every_mistake_is_named_by_its_path_at_once(
    ask: Ask, blocks: dict[str, Any], mistakes: list[Callable[..., str]], data: st.DataObject
) -> None:
    names = data.draw(
        st.lists(st.sampled_from(("one", "two", "three", "four")), min_size=4, max_size=4, unique=True)
    )
    wrong = {mistake(blocks, name) for mistake, name in zip(mistakes, names, strict=False)}
    answer = ask(blocks)
    told = [problem["path"] for problem in answer.get("problems", ())]
    assert [path for path in wrong if not any(one.startswith(path) for one in told)] == []
