"""`./bulwark up` cut short anywhere: the next one goes on from there, and nothing is there twice."""

import signal
from collections.abc import Callable

import pytest
from installations import Installation
from interrupted_process import LOOK_SECONDS, Run, left_over, processes, service, until
from inventory import aws, existing, recorded

SOON_SECONDS = 10
Strike = Callable[[Run], None]


def created(count: int) -> Callable[[Run], bool]:
    return lambda run: run.created() >= count


def under_way(resource: str) -> Callable[[Run], bool]:
    return lambda run: f"{resource} creating" in run.text


def kill_the_program(run: Run) -> None:
    run.signal(signal.SIGKILL)


def kill_the_engine(run: Run) -> None:
    run.kill("pulumi --non-interactive up")


def kill_a_vendors_plugin(run: Run) -> None:
    run.kill("twin.bridge_plugin")


def kill_the_aws_plugin(run: Run) -> None:
    run.kill("twin.aws.provider")


def kill_the_aws_service(run: Run) -> None:
    service(run.installation, "twin.aws.service").kill()


def kill_the_vendors_service(run: Run) -> None:
    service(run.installation, "twin.vendor_service").kill()


def kill_the_database(run: Run) -> None:
    service(run.installation, "postgres").kill()


def end_it_politely(run: Run) -> None:
    run.signal(signal.SIGTERM)


def interrupt_it(run: Run) -> None:
    run.signal(signal.SIGINT)


def interrupt_everything(run: Run) -> None:
    run.signal(signal.SIGINT, group=True)


PROCESSES = (
    (kill_the_program, under_way("database-project")),
    (kill_a_vendors_plugin, under_way("database-project")),
    (kill_the_engine, created(12)),
    (kill_the_aws_plugin, created(4)),
)
REQUESTS_AND_SERVICES = (
    (end_it_politely, lambda run: "previewing" in run.text),
    (interrupt_it, created(5)),
    (kill_the_aws_service, created(5)),
    (interrupt_everything, created(5)),
    (kill_the_vendors_service, created(2)),
    (kill_the_database, lambda run: list(run.installation.home.postgres.glob("*/data/postmaster.pid"))),
)
HARMLESS = (kill_the_vendors_service, kill_the_database)
"""The one only watches and delivers, the other wakes up when it is asked something, as at Neon."""


@pytest.mark.parametrize(
    "strikes", [PROCESSES, REQUESTS_AND_SERVICES], ids=["killed-processes", "requests-and-services"]
)
def test_an_up_that_is_cut_short_time_and_again_converges_without_duplicates(
    installation: Installation, strikes: tuple[tuple[Strike, Callable[[Run], bool]], ...]
) -> None:
    for strike, moment in strikes:
        run = Run(installation, "up")
        until(lambda run=run, moment=moment: moment(run) or run.ended(), 120, f"{strike.__name__}")
        assert not run.ended(), run.text[-3_000:]
        strike(run)
        code = run.wait()
        assert code != 0 or strike in HARMLESS, f"{strike.__name__}:\n{run.text[-3_000:]}"
        assert "Traceback" not in run.text, run.text[-3_000:]
        until(lambda: not left_over(installation), SOON_SECONDS, "all of it ended", every=LOOK_SECONDS)

    last = installation.bulwark("up")
    assert last.code == 0, last.text[-4_000:]
    preview = installation.bulwark("preview", "--json")
    assert preview.code == 0, preview.text[-4_000:]
    assert preview.json["steps"] == []
    assert existing(installation) == recorded(installation)
    clusters = [path for path in installation.home.postgres.iterdir() if path.is_dir()]
    assert len(clusters) == 1, clusters

    taken_down(installation)


def taken_down(installation: Installation) -> None:
    """Destroy it: first with an object under lock in a vault, which is named with its date, then whole."""
    s3 = aws(installation, "s3")
    vault, replica = (
        next(one["id"] for one in installation.resources() if one["urn"].endswith(f"::backups-{name}-bucket"))
        for name in ("vault", "replica")
    )
    kept = s3.put_object(Bucket=vault, Key="database/daily/one", Body=b"a dump")
    until_when = s3.head_object(Bucket=vault, Key="database/daily/one")["ObjectLockRetainUntilDate"]

    refused = installation.bulwark("destroy")
    assert refused.code != 0
    assert vault in refused.text
    assert f"{until_when:%Y-%m-%d}" in refused.text
    # The role that replicates stays with the keys, whose policies name it.
    kept_kinds = {("aws", "bucket"), ("aws", "key"), ("aws", "role")}
    assert set(existing(installation)) <= kept_kinds, existing(installation)

    until(
        lambda: "Contents" in s3.list_objects_v2(Bucket=replica),
        SOON_SECONDS,
        "the copy in the replica",
        every=LOOK_SECONDS,
    )
    for bucket in (vault, replica):
        s3.delete_object(
            Bucket=bucket,
            Key="database/daily/one",
            VersionId=kept["VersionId"],
            BypassGovernanceRetention=True,
        )
    gone = installation.bulwark("destroy")
    assert gone.code == 0, gone.text[-4_000:]
    assert not existing(installation)
    assert not [path for path in installation.home.postgres.iterdir() if path.is_dir()]
    assert installation.bulwark("down").code == 0
    assert processes(installation) == []
