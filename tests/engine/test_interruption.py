"""`./bulwark up` interrupted at any point: the next one goes on from there, and no resource exists twice."""

import signal
from collections.abc import Callable

import pytest
from installations import Installation
from interrupted_process import (
    LOOK_SECONDS,
    RunningCommand,
    find_leftovers,
    find_processes,
    find_service,
    wait_until,
)
from inventory import REGIONS, aws_client, count_existing, count_recorded
from sampling import Draw

from cli.destroy import LOCKED

pytestmark = [pytest.mark.shares("interruption"), pytest.mark.scenario("a deployed stack")]

SOON_SECONDS = 10
NO_WARM_PLUGINS = {"PYTHONNOUSERSITE": "1"}
"""Read by Python at its start, so that each process is what it seems to be (warm_start.py)."""

Strike = Callable[[RunningCommand], None]


def has_created(count: int) -> Callable[[RunningCommand], bool]:
    return lambda run: run.count_created() >= count


def is_creating(resource: str) -> Callable[[RunningCommand], bool]:
    return lambda run: f"{resource} creating" in run.text


def kill_the_program(run: RunningCommand) -> None:
    run.signal(signal.SIGKILL)


def kill_the_engine(run: RunningCommand) -> None:
    run.kill("pulumi --non-interactive up")


def kill_a_vendors_plugin(run: RunningCommand) -> None:
    run.kill("twin.bridge_plugin")


def kill_the_aws_plugin(run: RunningCommand) -> None:
    run.kill("twin.aws.provider")


def kill_the_aws_service(run: RunningCommand) -> None:
    find_service(run.installation, "twin.aws.service").kill()


def kill_the_vendors_service(run: RunningCommand) -> None:
    find_service(run.installation, "twin.vendor_service").kill()


def kill_the_database(run: RunningCommand) -> None:
    find_service(run.installation, "postgres").kill()


def terminate_the_program(run: RunningCommand) -> None:
    run.signal(signal.SIGTERM)


def interrupt_the_program(run: RunningCommand) -> None:
    run.signal(signal.SIGINT)


def interrupt_everything(run: RunningCommand) -> None:
    run.signal(signal.SIGINT, group=True)


PROCESSES = (
    (kill_the_program, is_creating("database-project")),
    (kill_a_vendors_plugin, is_creating("database-project")),
    (kill_the_engine, has_created(12)),
    (kill_the_aws_plugin, has_created(4)),
)
REQUESTS = (
    (terminate_the_program, lambda run: "previewing" in run.text),
    (interrupt_the_program, has_created(5)),
    (kill_the_aws_service, has_created(5)),
    (interrupt_everything, has_created(5)),
)
SERVICES = (
    (kill_the_vendors_service, has_created(2)),
    (kill_the_database, lambda run: list(run.installation.home.postgres.glob("*/data/postmaster.pid"))),
)
HARMLESS = (kill_the_vendors_service, kill_the_database)
"""`up` may succeed all the same: the one only probes and alerts, the other starts on demand, as at Neon."""


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize(
    "strikes", [PROCESSES, REQUESTS, SERVICES], ids=["processes", "requests", "services"]
)
def test_an_up_that_is_cut_short_time_and_again_converges_without_duplicates(
    installation: Installation,
    draw: Draw,
    strikes: tuple[tuple[Strike, Callable[[RunningCommand], object]], ...],
) -> None:
    for strike, moment in draw("interruptions of up", strikes, 1):
        run = RunningCommand(installation, "up", **NO_WARM_PLUGINS)
        wait_until(lambda run=run, moment=moment: moment(run) or run.has_ended(), 120, f"{strike.__name__}")
        assert not run.has_ended(), run.text[-3_000:]
        strike(run)
        code = run.wait()
        assert code != 0 or strike in HARMLESS, f"{strike.__name__}:\n{run.text[-3_000:]}"
        assert "Traceback" not in run.text, run.text[-3_000:]
        wait_until(
            lambda: not find_leftovers(installation), SOON_SECONDS, "all of it ended", every=LOOK_SECONDS
        )

    last = installation.bulwark("up")
    assert last.code == 0, last.text[-4_000:]
    preview = installation.bulwark("preview", "--json")
    assert preview.code == 0, preview.text[-4_000:]
    assert preview.json["steps"] == []
    assert count_existing(installation) == count_recorded(installation)
    clusters = [path for path in installation.home.postgres.iterdir() if path.is_dir()]
    assert len(clusters) == 1, clusters

    destroy(installation)


def destroy(installation: Installation) -> None:
    """Destroy the stack: refused for a locked object, which is named with its date, and then completely."""
    s3, away = (aws_client(installation, "s3", region) for region in REGIONS)
    vault, replica = (
        next(one["id"] for one in installation.resources() if one["urn"].endswith(f"::backups-{name}-bucket"))
        for name in ("vault", "replica")
    )
    kept = s3.put_object(Bucket=vault, Key="database/daily/one", Body=b"a dump")
    until_when = s3.head_object(Bucket=vault, Key="database/daily/one")["ObjectLockRetainUntilDate"]

    refused = installation.bulwark("destroy")
    assert refused.code == LOCKED, refused.text[-3_000:]
    assert vault in refused.out[refused.out.index("What is left") :]
    assert f"after {until_when:%Y-%m-%d} empty them" in refused.err
    # The role that replicates stays with the keys, whose policies name it.
    kept_kinds = {("aws", "bucket"), ("aws", "key"), ("aws", "role")}
    assert set(count_existing(installation)) <= kept_kinds, count_existing(installation)

    wait_until(
        lambda: "Contents" in away.list_objects_v2(Bucket=replica),
        SOON_SECONDS,
        "the copy in the replica",
        every=LOOK_SECONDS,
    )
    for client, bucket in ((s3, vault), (away, replica)):
        client.delete_object(
            Bucket=bucket,
            Key="database/daily/one",
            VersionId=kept["VersionId"],
            BypassGovernanceRetention=True,
        )
    gone = installation.bulwark("destroy")
    assert gone.code == 0, gone.text[-4_000:]
    assert not count_existing(installation)
    assert not [path for path in installation.home.postgres.iterdir() if path.is_dir()]
    down = installation.bulwark("down")
    assert down.code == 0
    assert down.out.startswith("Stopped: ")
    assert down.out.endswith(" Their data stays.\n  Next: ./bulwark up starts them again.\n")
    assert find_processes(installation) == []
