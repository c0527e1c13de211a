"""Describes what a backup does not hold."""

from recovery.files.manifest import FilesManifest
from recovery.manifest import BackupManifest, Manifest
from recovery.postgres.left_out import summarize_left_out


def describe_left_out(manifest: BackupManifest, *, reasons: bool = False) -> list[str]:
    """Return one phrase per kind of what a backup does not hold."""
    if isinstance(manifest, FilesManifest):
        more = manifest.unreadable - len(manifest.left_out)
        phrases = summarize_left_out(manifest.left_out, reasons=reasons)
        return [*phrases, f"{more:,} more files"] if more else phrases
    return summarize_left_out(manifest.left_out, reasons=reasons) if isinstance(manifest, Manifest) else []
