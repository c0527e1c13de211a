"""Any block of the settings may be absent: nothing of it is declared, and nothing else is missing."""

import json
import subprocess
import sys
from itertools import chain, combinations
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

_PROGRAM: Final = Path(__file__).with_name("declared_by_mocks.py")
_PRODUCTION: Final = Path(__file__).resolve().parents[2] / "Pulumi.prod.yaml"
OPTIONAL: Final = ("services", "stores", "backups", "uptime", "errors", "alerting")
WITHOUT: Final = tuple(
    chain.from_iterable(combinations(OPTIONAL, count) for count in range(len(OPTIONAL) + 1))
)
"""Every set of blocks that can be left out."""


def leave_out(absent: tuple[str, ...]) -> dict[str, Any]:
    """Return production's blocks without some, and without what names them in the others."""
    config = yaml.safe_load(_PRODUCTION.read_text())["config"]
    blocks = {key.removeprefix("bulwark:"): block for key, block in config.items()}
    blocks = {name: block for name, block in blocks.items() if name not in absent}
    if "services" in absent and "errors" not in absent:
        del blocks["errors"]["jobs_service"]
    watchers = {"uptimerobot": "uptime", "sentry": "errors"}
    for service in blocks.get("services", {}).values():
        if "errors" in absent:
            service.pop("errors", None)
        for name, check in list(service["checks"].items()):
            wanted = [one for one in check.get("watched_by", ["uptimerobot"]) if watchers[one] not in absent]
            if wanted:
                check["watched_by"] = wanted
            else:
                del service["checks"][name]
    return blocks


@pytest.fixture(scope="module")
def declared() -> dict[tuple[str, ...], dict[str, Any]]:
    """Return what is declared and asked for without each set of blocks."""
    ended = subprocess.run(
        [sys.executable, "-P", str(_PROGRAM)],
        input="".join(json.dumps(leave_out(absent)) + "\n" for absent in WITHOUT),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4_000:]
    return dict(zip(WITHOUT, map(json.loads, ended.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("absent", WITHOUT, ids=lambda absent: "-".join(absent) or "nothing")
def test_without_a_block_nothing_of_it_is_declared_or_asked_for(
    declared: dict[tuple[str, ...], dict[str, Any]], absent: tuple[str, ...]
) -> None:
    found, whole = declared[absent], declared[()]
    packages = {kind.partition(":")[0] for kind in found["types"]} | {
        kind.removeprefix("pulumi:providers:") for kind in found["types"]
    }
    assert ("uptimerobot" in packages) is ("uptime" not in absent)
    assert ("sentry" in packages) is ("errors" not in absent)
    assert ("aws" in packages) is ("backups" not in absent)
    assert ("UPTIMEROBOT_API_KEY" in found["tokens"]) is ("uptime" not in absent)
    assert ("SENTRY_AUTH_TOKEN" in found["tokens"]) is ("errors" not in absent)
    targets = {name for name in found["secrets"] if name.endswith("_target")}
    assert targets == (
        set() if "alerting" in absent else {name for name in whole["secrets"] if "_target" in name}
    )
    # What has nothing to do with the absent blocks is there as before.
    assert ("neon" in packages) is ("stores" not in absent)
    assert ("NEON_API_KEY" in found["tokens"]) is ("stores" not in absent)
    if "backups" not in absent:
        kept = {kind for kind in whole["types"] if kind.startswith(("aws:", "bulwark:index:Vault"))}
        alarms = {"aws:sns/topicSubscription:TopicSubscription"} if "alerting" in absent else set[str]()
        assert kept - set(found["types"]) == alarms
