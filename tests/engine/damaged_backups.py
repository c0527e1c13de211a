"""Backups in a deployed stack's vault that are not what the platform had, each in ways that are named."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, LiteralString
from urllib.parse import urlsplit

from installations import Installation
from psycopg import sql

from core import vault_layout
from recovery import catalogue
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.vault.client import AccessKey, client
from recovery.vault.vault import VaultClient
from twin.neon.model import Neon

_NAME = "spoiled"
_SPOIL: LiteralString = """
    UPDATE canary SET written_at = written_at - interval '40 days';
    UPDATE locations SET name = name || '?' WHERE id = (SELECT min(id) FROM locations);
    DROP TABLE interview_feedback;
    REVOKE SELECT ON plans FROM platform_app;
"""
_STALE = timedelta(hours=2)


@dataclass(frozen=True)
class Spoiler:
    """Writes to the vault as nobody but its owner could."""

    installation: Installation
    outputs: dict[str, Any]

    @property
    def vault(self) -> VaultClient:
        endpoint = f"http://127.0.0.1:{self.installation.home.port('aws')}"
        key = AccessKey("twin", "twin")
        return VaultClient(client("eu-west-1", endpoint, key=key), self.outputs["vault"], key=key)

    @cached_property
    def good(self) -> Manifest:
        """The newest backup, before this adds others."""
        found = catalogue.newest(self.vault, Manifest)
        assert found
        return found

    def other_content(self) -> Manifest:
        """Back up a copy that is old, and without a table, a right and a value; claim that it is whole."""
        good = self.good
        model = Neon(self.installation.home)
        with closing(model.store):
            [(_, cluster)] = model.clusters()
        source = urlsplit(self.outputs["backup_database_url"])
        platform, spoiled = sql.Identifier(source.path.lstrip("/")), sql.Identifier(_NAME)
        with cluster.connect() as connection:
            # Only a database that nobody is connected to can be copied so.
            allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            connection.execute(allow.format(platform, sql.SQL("false")))
            try:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                    (source.path.lstrip("/"),),
                )
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(spoiled, platform))
            finally:
                connection.execute(allow.format(platform, sql.SQL("true")))
            try:
                with cluster.connect(_NAME) as copy:
                    copy.execute(_SPOIL)
                url = source._replace(path=f"/{_NAME}").geturl()
                made = back_up(
                    RecoveryContext("local", url, {"primary": self.vault, "replica": self.vault}, {}, {})
                )
            finally:
                connection.execute(sql.SQL("DROP DATABASE {}").format(spoiled))
        return self._claimed(made, figures=good.figures)

    def other_bytes(self) -> Manifest:
        """Change a single byte in the middle of a dump."""
        good = self.good
        dump = bytearray(b"".join(self.vault.read(good.dump.key, good.dump.version)))
        dump[len(dump) // 2] ^= 1
        stored = self.vault.put(f"{good.dump.key}.changed", bytes(dump))
        return self._claimed(good, dump=stored.model_copy(update={"sha256": good.dump.sha256}))

    def _claimed(self, manifest: Manifest, **changes: Any) -> Manifest:
        """Store a manifest that claims something else, older than others: no drill chooses it by itself."""
        before = datetime.now(UTC) - _STALE
        made = manifest.model_copy(
            update={"id": vault_layout.new_id(before), "snapshot_at": before, **changes}
        )
        self.vault.put(made.key, made.model_dump_json().encode())
        return made
