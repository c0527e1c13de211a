"""Any combination of blocks, with any number of everything, is declared whole or refused with each reason."""

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

import pytest
from generated_files import PRODUCTION, right_files
from hypothesis import given
from hypothesis import strategies as st

_PROGRAM: Final = Path(__file__).with_name("declared_by_mocks.py")
Answer = dict[str, Any]
Ask = Callable[[dict[str, Any]], Answer]


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


@given(blocks=right_files())
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
    targets = {
        f"{name}_target"
        for name, channel in channels.items()
        if channel["type"] != "email" and "escalation" not in channel
    }
    assert {name for name in answer["secrets"] if name.endswith("_target")} == targets
    variables = {
        f"{service}_host_{name.lower()}"
        for service, one in blocks.get("services", {}).items()
        for name in one.get("host", {}).get("secrets", ())
    }
    assert {name for name in answer["secrets"] if "_host_" in name} == variables


def test_the_service_of_jobs_gets_their_reports_whatever_names_sort_first(ask: Ask) -> None:
    backend, frontend = (PRODUCTION["services"][name] for name in ("backend", "frontend"))
    assert PRODUCTION["errors"]["jobs_service"] == "backend"
    # The engine hands settings over with sorted keys: the browser's service comes first.
    blocks = {
        **PRODUCTION,
        "services": {"client": frontend, "server": backend},
        "errors": {**PRODUCTION["errors"], "jobs_service": "server"},
    }
    projects = ask(blocks)["projects"]
    monitors = ["errors-server-check-health", *(name for name in projects if name.endswith("-cron"))]
    assert {name: projects[name] for name in monitors} == dict.fromkeys(monitors, "errors-server-project")
    assert len(monitors) == 6


def _needs(blocks: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    """Return of each vendor whether the file has something of it, and the token for it."""
    hosts = {one["host"]["type"] for one in blocks.get("services", {}).values() if "host" in one}
    at_neon = any(store["type"] == "neon" for store in blocks.get("stores", {}).values())
    return {
        "uptimerobot": ("uptime" in blocks, "UPTIMEROBOT_API_KEY"),
        "sentry": ("errors" in blocks, "SENTRY_AUTH_TOKEN"),
        "neon": (at_neon, "NEON_API_KEY"),
        "railway": ("railway" in hosts, "RAILWAY_TOKEN"),
        "vercel": ("vercel" in hosts, "VERCEL_API_TOKEN"),
        "pagerduty": ("oncall" in blocks, "PAGERDUTY_TOKEN"),
        # In jobs GitHub's token opens it.
        "aws": ("backups" in blocks, ""),
    }


def _spoil_store(blocks: dict[str, Any], name: str) -> str:
    blocks["stores"] = {**blocks.get("stores", {}), name: {**PRODUCTION["stores"]["files"], "buckets": []}}
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
    alerting = blocks.get("alerting", PRODUCTION["alerting"])
    routes = {**alerting["routes"], "sev3": [*alerting["routes"]["sev3"], f"nobody-{name}"]}
    blocks["alerting"] = {**alerting, "routes": routes}
    return "alerting.routes.sev3"


def _spoil_backups(blocks: dict[str, Any], name: str) -> str:
    blocks["backups"] = {**PRODUCTION["backups"], "region": f"region-{name}!"}
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


@given(
    blocks=right_files(),
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
