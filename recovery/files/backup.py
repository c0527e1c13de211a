"""One backup of the files: copy what is new or changed, then write down which version of what it is."""

import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

from recovery.files import places, rclone
from recovery.files.ledger import Ledger
from recovery.files.manifest import Bucket, FilesManifest, store
from recovery.files.run import Progress, Run
from recovery.site import Site
from recovery.vault.lease import PERIOD, leased
from toolchain.failure import Failure


def back_up_files(
    site: Site,
    *,
    accept_gone: bool = False,
    progress: Progress = lambda *_: None,
    period: timedelta = PERIOD,
) -> FilesManifest:
    """
    Back up the files into the primary vault and return the manifest, which is in when this returns.

    Args:
        site: The stack.
        accept_gone: Go on where a bucket has lost more than half of its objects.
        progress: Told of objects that were listed, and of bytes that were copied.
        period: For how long a run that was killed keeps others out.

    Raises:
        Failure: for whatever keeps it from being whole; then there is no manifest. What was copied is kept,
            and not copied again by the next run.
    """
    source, vault = site.files, site.vaults["primary"]
    if source is None:
        raise Failure("The stack names no file store.", "deploy it again: ./bulwark up.")
    lock = vault.lock()
    with (
        leased(vault, places.LEASE, "backup of the files", period=period) as lease,
        tempfile.TemporaryDirectory(prefix="bulwark-files-") as name,
        closing(Ledger(Path(name) / "ledger", lock.period if lock else None)) as ledger,
    ):
        run = Run(source, vault, ledger, folder=Path(name), lease=lease, progress=progress, lock=lock)
        run.recall()
        run.look(accept_gone=accept_gone)
        run.copy()
        copied = datetime.now(UTC)
        gone = run.give_up_gone()
        listing = store(vault, places.listing(run.id), ledger.items())
        totals = {bucket: ledger.total(bucket) for bucket in source.buckets}
        manifest = FilesManifest(
            id=run.id,
            store="files",
            stack=site.stack,
            started=run.started,
            snapshot_at=copied,
            finished=datetime.now(UTC),
            tools={"bulwark": metadata.version("bulwark"), "rclone": rclone.version()},
            buckets=tuple(
                Bucket(name=name, files=total.objects, size=total.bytes) for name, total in totals.items()
            ),
            copied=run.copied,
            gone=gone,
            altered=ledger.altered(),
            copies_locked_until=ledger.locked_until(),
            listing=listing.stored,
            listing_sha256=listing.sha256,
        )
        lease.hold()
        vault.put(manifest.key, manifest.model_dump_json(indent=2).encode())
    return manifest
