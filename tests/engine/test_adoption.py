"""
What exists already is used and not made again, whoever made it.

Others made it, a creation whose answer was an error did, or the stack itself did, whose state is lost.
"""

import subprocess
import sys
from collections import Counter
from contextlib import closing
from typing import Any, Final

import pytest
import role_clients
from deployment import Deployment
from installations import Installation
from sampling import Draw

from components.guard import DELETION_WINDOW_DAYS
from twin.host.home import TwinHome
from twin.neon.model import Neon
from twin.pagerduty.model import PagerDutyAccount
from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot
from twin.vendor import faults
from twin.vendor.faults import CREATION, Fault
from twin.vendor.store import VendorStore
from twin.vercel.model import VARIABLE, Vercel

ISSUERS = {
    "backups-identity-github": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
    "backups-replica-identity-github": (
        "arn:aws:iam::210987654321:oidc-provider/token.actions.githubusercontent.com"
    ),
}
KINDS: Final = {
    "neon": ("project",),
    "uptimerobot": ("monitor", "integration", "alertContact", "monitorGroup", "maintenanceWindow", "psp"),
    "sentry": (
        *("team", "project", "key", "cronMonitor", "metricMonitor", "uptimeMonitor", "alert"),
        "integrationPagerduty",
    ),
    "pagerduty": ("schedule", "escalationPolicy", "service", "serviceIntegration"),
    "vercel": (VARIABLE,),
}
AGAIN: Final = "  Next: `./bulwark adopt`, then `./bulwark up` again; it goes on from there.\n"
TIME_OUT: Final = 0

CREATIONS: Final = [
    (f"{package}:{kind}:{kind.rpartition('/')[2][0].upper()}{kind.rpartition('/')[2][1:]}", status)
    for package, kinds in {
        "aws": (
            *("iam/role", "iam/policy", "kms/key", "kms/alias", "s3/bucket", "secretsmanager/secret"),
            *("sns/topic", "cloudtrail/trail"),
        ),
        "neon": ("index/project", "index/role", "index/database"),
        "uptimerobot": (
            *("index/alertContact", "index/integration", "index/monitor", "index/monitorGroup"),
            *("index/maintenanceWindow", "index/psp"),
        ),
        "sentry": (
            *("index/project", "index/key", "index/cronMonitor", "index/metricMonitor"),
            *("index/uptimeMonitor", "index/integrationPagerduty", "index/alert"),
        ),
        "pagerduty": (
            "index/schedule",
            "index/escalationPolicy",
            "index/service",
            "index/serviceIntegration",
        ),
    }.items()
    for kind in kinds
    for status in (500, 502, 503, TIME_OUT)
]
"""Each type whose creation can leave something behind, with each fault."""

LOST_ANSWER, LOST_STATE = "the answer to a creation is lost", "the state is lost"
ROUNDS: Final = 40
"""A type whose creation fails holds back what depends on it, which then fails in its turn."""


def start_services(installation: Installation) -> None:
    program = (
        "from engine.targets import find_target; from rich.console import Console\n"
        "find_target('local', on_twin=False).prepare(Console(stderr=True))\n"
    )
    subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=installation.folder,
        env=installation.environment,
        check=True,
        timeout=120,
    )


def let_others_work(home: TwinHome) -> None:
    """Give both accounts GitHub's issuer, and the organization the team."""
    for arn in ISSUERS.values():
        role_clients.administrator(home, arn.split(":")[4]).client("iam").create_open_id_connect_provider(
            Url="https://token.actions.githubusercontent.com", ClientIDList=["sts.amazonaws.com", "other"]
        )
    sentry = Sentry(home)
    with closing(sentry.store):
        sentry.create("team", {"organization": "example", "name": "Platform", "slug": "platform"})


def count_objects(home: TwinHome) -> Counter[str]:
    """Return how many there are of each kind that the stack declares."""
    counts: Counter[str] = Counter()
    for model in (Neon(home), UptimeRobot(home), Sentry(home), PagerDutyAccount(home), Vercel(home)):
        kinds = KINDS[model.vendor]
        with closing(model.store):
            counts.update({f"{model.vendor} {kind}": len(model.list_objects(kind)) for kind in kinds})
    for account in ("123456789012", "210987654321"):
        there = role_clients.administrator(home, account)
        counts[f"roles {account}"] = len(there.client("iam").list_roles()["Roles"])
        counts[f"buckets {account}"] = len(there.client("s3").list_buckets()["Buckets"])
    return counts


def delete_others(home: TwinHome, found: list[dict[str, Any]]) -> None:
    """Delete what stands beside the stack's own, as the message says."""
    models = {
        "Neon": Neon(home),
        "UptimeRobot": UptimeRobot(home),
        "Sentry": Sentry(home),
        "PagerDuty": PagerDutyAccount(home),
    }
    for one in found:
        for identifier in one["candidates"]:
            if one["vendor"] == "AWS":
                is_replica = one["resource"].startswith("backups-replica")
                account, region = (
                    ("210987654321", "eu-north-1") if is_replica else ("123456789012", "eu-west-1")
                )
                person = role_clients.break_glass(home, account, platform="example-twin")
                person.client("kms", region).schedule_key_deletion(
                    KeyId=identifier, PendingWindowInDays=DELETION_WINDOW_DAYS
                )
                continue
            model = models[one["vendor"]]
            kind = next(kind for kind in KINDS[model.vendor] if identifier in model.list_objects(kind))
            model.delete(kind, identifier)
    for model in models.values():
        model.store.close()


@pytest.mark.scenario("a deployed stack")
@pytest.mark.shares("adoption")
def test_what_exists_is_found_and_used_whoever_made_it(installation: Installation, draw: Draw) -> None:
    home = installation.home
    start_services(installation)
    let_others_work(home)
    losses = draw("losses after which things are adopted", (LOST_ANSWER, LOST_STATE), 1)
    sample = draw("faults after the effect of a creation", CREATIONS, 1) if LOST_ANSWER in losses else []
    with closing(VendorStore(home.vendors)) as store:
        for token, status in sample:
            faults.plan(store, CREATION, Fault("CREATE", token, status))

    # Without a terminal the settings are only shown.
    shown = installation.bulwark("adopt")
    assert shown.code == 1
    assert "nobody is here to confirm; type `./bulwark adopt --stack local --yes`" in shown.err
    assert "bulwark:existing" not in (installation.folder / "Pulumi.local.yaml").read_text()
    found = adopt(installation)
    referenced = {one["resource"]: one["id"] for one in found if one["setting"].endswith(".reference")}
    assert referenced == {**ISSUERS, "errors-team": "example/platform"}

    # What the printed step says is done until it holds; nothing else is.
    told: list[str] = []
    while (up := installation.bulwark("up", timeout_seconds=600)).code:
        told.append(up.err)
        assert AGAIN in up.err, up.text[-3_000:]
        assert len(told) < ROUNDS, up.text[-3_000:]
        adopt(installation)
    told.append(up.err)
    beside = [
        one for one in installation.bulwark("adopt", "--json").json["found"] if one["status"] != "managed"
    ]
    assert {one["status"] for one in beside} <= {"duplicate"}
    for one in beside:
        assert any(identifier in text for text in told for identifier in one["candidates"]), one
    delete_others(home, beside)
    assert adopt(installation) == []
    assert installation.bulwark("preview", "--json").json["steps"] == []
    counts = count_objects(home)
    assert {counts[kind] for kind in ("neon project", "sentry team", "uptimerobot psp")} == {1}
    stack = Deployment(installation, "local")
    assert {name: stack[name].raw.get("external") for name in referenced} == dict.fromkeys(referenced, True)

    if LOST_STATE in losses:
        find_everything_again(installation, counts)


def find_everything_again(installation: Installation, counts: Counter[str]) -> None:
    """Lose the state, so that everything exists by other hands, and have it found and used."""
    home = installation.home
    for project in ("bulwark", "bulwark-administrator"):
        (home.state / ".pulumi" / "stacks" / project / "local.json").unlink()
    adopt(installation)
    done = installation.bulwark("up", "--json", timeout_seconds=600)
    assert done.code == 0, done.text[-3_000:]
    assert not {"replace", "delete", "create-replacement", "delete-replaced"} & set(done.json["changes"])
    assert count_objects(home) == counts
    assert installation.bulwark("preview", "--json").json["steps"] == []


def adopt(installation: Installation) -> list[dict[str, Any]]:
    """Write what is found, and return it."""
    adopted = installation.bulwark("adopt", "--yes", "--json")
    assert adopted.json["failures"] == [], adopted.text[-3_000:]
    found = [one for one in adopted.json["found"] if one["status"] == "found"]
    assert adopted.json["written"] == bool(found)
    return found
