"""The end of production through the real providers: it is taken down, and nothing is left."""

import subprocess

import pytest
from deployment import Deployment

from twin.neon.model import Neon

pytestmark = pytest.mark.shares("real")

PROD = ("--stack", "prod", "--twin")
KINDS = {
    "neon": ("project", "branch", "endpoint", "role", "database"),
    "uptimerobot": ("monitor", "integration", "monitorGroup", "maintenanceWindow", "psp", "alertContact"),
    "sentry": ("team", "project", "key", "alert", "cronMonitor", "metricMonitor", "uptimeMonitor"),
}


def unprotect(real: Deployment) -> None:
    """Lift the stack's own protection, as `./bulwark destroy` says."""
    home = real.installation.home
    subprocess.run(
        ["pulumi", "state", "unprotect", "--all", "--yes", "--stack", "prod", "--non-interactive"],
        cwd=home.root / "workspace",
        env=real.installation.engine_environment("prod", "real"),
        capture_output=True,
        check=True,
    )


def test_production_is_taken_down_step_by_step_and_nothing_is_left_at_the_vendors(real: Deployment) -> None:
    installation = real.installation
    neon = Neon(installation.home)
    project = real["database-project"].id

    protected = installation.bulwark("destroy", *PROD, "--yes")
    assert protected.code == 1
    assert "./bulwark pulumi state unprotect --all --stack prod" in protected.err

    unprotect(real)
    kept = installation.bulwark("destroy", *PROD, "--yes")
    assert kept.code == 1
    assert f"Neon keeps a project whose default branch is protected ({project})" in kept.err
    assert neon.read("project", project)

    neon.update(
        "branch", neon.find_default_branch(project), {"protected": "no"}
    )  # as a person in the console
    assert installation.bulwark("refresh", *PROD, "--accept").code == 0
    last = installation.bulwark("destroy", *PROD, "--yes", timeout_seconds=600)
    assert "is using an older version" not in last.text
    # Buckets that hold something are kept, and each says so.
    kept = [one["id"] for one in installation.resources("prod") if one["type"] == "aws:s3/bucket:Bucket"]
    names = {one["urn"].rsplit("::", 1)[-1] for one in installation.resources("prod")}
    buckets = {name.removesuffix("-bucket") for name in names if name.endswith("-bucket")}
    vaults = {name for name in buckets if not name.endswith("-access-log")}
    assert vaults
    assert {f"{name}-key" for name in vaults} <= names, "without its key a kept backup is lost"
    assert [name for name in kept if f"({name}): BucketNotEmpty: " not in last.text] == []
    remaining = {one["type"].partition(":")[0] for one in installation.resources("prod")}
    assert remaining <= {"aws", "bulwark", "pulumi"}
    left = {
        (vendor, kind): list(found)
        for vendor, kinds in KINDS.items()
        for kind in kinds
        if (found := neon.store.list(vendor, kind))
    }
    neon.store.close()
    assert left == {}
