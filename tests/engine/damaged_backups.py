"""Damaged backups in a deployed stack's vault, on which a drill has to fail."""

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any, LiteralString
from urllib.parse import urlsplit

from installations import Installation
from psycopg import sql

from cli.recovery_context import find_trust
from core import vault_layout
from engine.targets import find_twin_target
from engine.twin import TwinTarget
from recovery import catalogue
from recovery.attestation import Trust
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient
from twin.aws.administrator import administrator_key
from twin.neon.model import Neon

_NAME = "spoiled"
_DAMAGE: LiteralString = """
    UPDATE canary SET written_at = written_at - interval '40 days';
    UPDATE locations SET name = name || '?' WHERE id = (SELECT min(id) FROM locations);
    DROP INDEX candidates_name;
    REVOKE SELECT ON plans FROM platform_app;
"""


@dataclass(frozen=True)
class DamagedBackups:
    """Adds damaged backups with the credentials of the vault's owner."""

    installation: Installation
    outputs: dict[str, Any]

    @property
    def vault(self) -> VaultClient:
        endpoint = f"http://127.0.0.1:{self.installation.home.port('aws')}"
        key = AccessKey(*administrator_key(self.installation.home))
        return VaultClient(
            create_client("eu-west-1", endpoint, access_key=key), self.outputs["vault"], access_key=key
        )

    @cached_property
    def trust(self) -> Trust:
        """Whose attestations count. Damaged backups have none, so that no drill chooses one by itself."""
        settings = find_twin_target("local").settings
        return find_trust(TwinTarget("local", settings, "stand-in", self.installation.home))

    @cached_property
    def good(self) -> Manifest:
        """The newest backup before damaged ones are added."""
        newest = catalogue.read_newest(self.vault, Manifest, self.trust, "database")
        assert newest
        assert newest.manifest
        return newest.manifest

    def add_with_other_content(self) -> Manifest:
        """Back up an old copy that lacks an index, a grant and a value; its manifest claims to be whole."""
        good = self.good
        model = Neon(self.installation.home)
        with closing(model.store):
            [(_, cluster)] = model.list_clusters()
        source = urlsplit(self.outputs["database_urls"]["database"]["backup"])
        platform, spoiled = sql.Identifier(source.path.lstrip("/")), sql.Identifier(_NAME)
        with cluster.connect() as connection:
            # A database with connections can be no template.
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
                    copy.execute(_DAMAGE)
                url = source._replace(path=f"/{_NAME}").geturl()
                manifest = back_up(
                    RecoveryContext(
                        "local",
                        {"primary": self.vault, "replica": self.vault},
                        {},
                        {},
                        self.trust,
                        store="database",
                        database_url=url,
                    )
                )
            finally:
                connection.execute(sql.SQL("DROP DATABASE {}").format(spoiled))
        return self._add_manifest(manifest, figures=good.figures)

    def add_with_other_bytes(self) -> Manifest:
        """Store a dump with one changed byte in its middle, and a manifest that names it."""
        good = self.good
        dump = bytearray(b"".join(self.vault.read(good.dump.key, good.dump.version)))
        dump[len(dump) // 2] ^= 1
        stored = self.vault.put(f"{good.dump.key}.changed", bytes(dump))
        return self._add_manifest(good, dump=stored.model_copy(update={"sha256": good.dump.sha256}))

    def _add_manifest(self, manifest: Manifest, **changes: Any) -> Manifest:
        """Store a changed manifest under another id."""
        changed = manifest.model_copy(update={"id": vault_layout.new_id(manifest.started), **changes})
        self.vault.put(changed.key, changed.model_dump_json().encode())
        return changed
