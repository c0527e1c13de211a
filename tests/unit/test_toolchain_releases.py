"""The engine and its plugins come from archives with locked hashes: a real server, real archives."""

import hashlib
import io
import json
import re
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.toolchain import toolchain
from core.failure import Failure
from toolchain import engine, providers, releases
from toolchain.providers import AWS, PAGERDUTY, RELEASES, bridge_path, is_complete
from toolchain.releases import Release, is_job_with_credentials

_PULUMI = f"#!/bin/sh\necho v{engine.VERSION}\n"


@dataclass
class Vendor:
    """Serves release archives by GitHub's paths."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Path -> content."""

    requests: list[str] = field(default_factory=list[str])

    def put(self, release: Release, name: str, content: bytes) -> None:
        self.files[f"/{release.repository}/releases/download/v{release.version}/{name}"] = content


def put_releases(vendor: Vendor) -> None:
    """Put every release there, for each platform, with the vendors' lists."""
    for release in RELEASES:
        listed: list[str] = []
        for system, cpu in releases.PLATFORMS:
            name = release.archive_for(system, cpu)
            content = pack(release, f"{system} {cpu}")
            vendor.put(release, name, content)
            listed.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        vendor.put(release, release.lists[0].format(version=release.version), "".join(listed).encode())


def pack(release: Release, comment: str) -> bytes:
    """Return an archive as the vendor makes it."""
    plugin = release.archive.partition("-v{")[0].partition("_{")[0]
    names = {
        "pulumi": ("pulumi/pulumi", "pulumi/pulumi-language-python"),
        "plugin": (plugin, "README.md"),
        "terraform": (f"{plugin}_v{release.version}", "LICENSE"),
    }[release.layout]
    program = _PULUMI.replace("\n", f" # {comment}\n", 1) if release.layout != "pulumi" else _PULUMI
    program += f"# {comment}\n"
    buffer = io.BytesIO()
    if release.layout == "terraform":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in names:
                archive.writestr(name, program)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(program), 0o755
                archive.addfile(member, io.BytesIO(program.encode()))
    return buffer.getvalue()


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Vendor]:
    """Give a vendor with all releases, an empty cache, a file without hashes, and a PATH without a CLI."""
    served = Vendor()
    put_releases(served)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append(self.path)
            content = served.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Stay silent."""

    file = tmp_path / "releases.sha256"
    file.write_text("# A comment\n")
    monkeypatch.setattr(releases, "FILE", file)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "own"))
    monkeypatch.delenv("PULUMI_CREDENTIALS_PATH", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/path:/usr/bin:/bin")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv(releases.MIRROR, f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def path_of(vendor: Vendor, release: Release) -> str:
    name = release.archive_for(*releases.this_platform())
    return next(path for path in vendor.files if path.endswith(f"/{name}"))


def cached(tmp_path: Path) -> list[str]:
    """Return the complete folders of the cache."""
    return [
        path.name
        for path in (tmp_path / "cache/bulwark").glob("*")
        if path.suffix not in {".lock", ".partial"}
    ]


def test_locked_archives_are_what_is_installed(
    vendor: Vendor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert toolchain("lock") == 0
    assert "releases.sha256 has 36 hashes. Next: commit it after a review." in capsys.readouterr().out
    assert releases.FILE.read_text().startswith("# A comment\n")
    hashes = releases.read_hashes()
    assert set(hashes) == {
        release.archive_for(*platform) for release in RELEASES for platform in releases.PLATFORMS
    }
    content = vendor.files[path_of(vendor, engine.CLI)]
    assert hashes[engine.CLI.archive_for(*releases.this_platform())] == hashlib.sha256(content).hexdigest()

    assert toolchain("install") == 0
    cli = engine.ensure_cli(checked=True)
    assert subprocess.run([cli, "version"], capture_output=True, text=True, check=True).stdout.startswith(
        "v3."
    )
    assert (cli.parent / "pulumi-language-python").exists()
    home = providers.find_providers()
    assert is_complete(home)
    name, version = AWS
    assert all(
        path.stat().st_mode & 0o111
        for path in (bridge_path(home), home / f"plugins/resource-{name}-v{version}/pulumi-resource-{name}")
    )
    for program in home.glob("dynamic_tf_plugins/*/*/*/*/*/terraform-provider-*"):
        assert program.stat().st_mode & 0o111
    assert not list((tmp_path / "cache").rglob("*.download"))
    vendor.requests.clear()
    assert toolchain("install") == 0
    assert vendor.requests == []


def test_the_file_is_one_of_sha256sum(vendor: Vendor, tmp_path: Path) -> None:
    toolchain("lock")
    for path, content in vendor.files.items():
        (tmp_path / path.rpartition("/")[2]).write_bytes(content)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", releases.FILE], cwd=tmp_path, check=True)


def test_what_is_locked_is_not_downloaded_again_unless_asked(
    vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    toolchain("lock")
    name = engine.CLI.archive_for("darwin", "arm64")
    lines = releases.FILE.read_text().splitlines(keepends=True)
    stale = f"{'0' * 64}  pulumi-v3.0.0-linux-x64.tar.gz\n"
    releases.FILE.write_text("".join([*(line for line in lines if name not in line), stale]))
    vendor.requests.clear()
    capsys.readouterr()
    toolchain("lock")
    assert [path for path in vendor.requests if path.endswith((".gz", ".zip"))] == [
        path for path in vendor.files if path.endswith(name)
    ]
    out = capsys.readouterr().out
    assert f"locked  {name}\n" in out
    assert "removed  pulumi-v3.0.0-linux-x64.tar.gz\n" in out
    toolchain("lock")
    assert "has the hashes of all 36 archives; nothing to do." in capsys.readouterr().out


def replace_archive(vendor: Vendor) -> None:
    vendor.files[path_of(vendor, engine.CLI)] = pack(engine.CLI, "of a thief")


def replace_bridge(vendor: Vendor) -> None:
    vendor.files[path_of(vendor, providers.PLUGINS[0])] = pack(providers.PLUGINS[0], "of a thief")


@pytest.mark.parametrize("replace", [replace_archive, replace_bridge])
def test_a_replaced_archive_is_refused_and_nothing_of_it_is_unpacked_or_built_instead(
    vendor: Vendor, tmp_path: Path, replace: Callable[[Vendor], None]
) -> None:
    toolchain("lock")
    replace(vendor)
    with pytest.raises(
        Failure, match=r"is not the file that releases\.sha256 names: its SHA-256 is"
    ) as failed:
        toolchain("install")
    assert "do not go on with this network or mirror" in str(failed.value)
    assert len(cached(tmp_path)) == (0 if replace is replace_archive else 1)
    assert "of a thief" not in "".join(
        file.read_text() for file in (tmp_path / "cache").rglob("*") if file.is_file()
    )
    with pytest.raises(Failure, match=r"the vendor's list or releases\.sha256 says"):
        toolchain("lock", anew=True)


def test_an_archive_that_is_not_the_one_of_the_vendors_list_is_not_locked(vendor: Vendor) -> None:
    replace_archive(vendor)
    with pytest.raises(Failure, match=r"has the SHA-256 .* says"):
        toolchain("lock")
    assert releases.read_hashes() == {}


def test_a_vendor_without_a_list_is_locked_and_one_with_sha512_is_compared(vendor: Vendor) -> None:
    for path in [path for path in vendor.files if path.endswith(("checksums.txt", "SHA256SUMS"))]:
        del vendor.files[path]
    name = engine.CLI.archive_for("linux", "arm64")
    vendor.put(engine.CLI, "SHA512SUMS", f"{'0' * 128}  {name}\n".encode())
    with pytest.raises(Failure, match=name):
        toolchain("lock")
    vendor.put(engine.CLI, "SHA512SUMS", b"")
    assert toolchain("lock") == 0


def test_a_missing_archive_is_named(vendor: Vendor) -> None:
    del vendor.files[path_of(vendor, providers.PLUGINS[-1])]
    with pytest.raises(Failure, match=r"terraform-provider-vercel_5\.10\.0_\w+\.zip"):
        toolchain("lock")


@pytest.mark.parametrize("line", ["abc  x.zip", f"{'0' * 64} x.zip", f"{'0' * 64}  ../x.zip"])
def test_a_file_of_another_format_is_refused(vendor: Vendor, line: str) -> None:
    releases.FILE.write_text(f"{line}\n")
    with pytest.raises(Failure, match="has a line of another format"):
        toolchain("install")
    assert vendor.requests == []


def put_own_cli(tmp_path: Path) -> Path:
    own = tmp_path / "path" / "pulumi"
    own.parent.mkdir()
    own.write_text(_PULUMI)
    own.chmod(0o755)
    return own


def test_a_job_with_a_credential_runs_only_what_is_locked(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = put_own_cli(tmp_path)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "token")
    with pytest.raises(
        Failure, match=r"releases\.sha256 has no hash of pulumi-resource-terraform-provider-v"
    ):
        providers.plugin_environment()
    assert vendor.requests == []
    toolchain("lock")
    assert providers.needs_checked_cli()
    assert engine.ensure_cli(checked=True) != own
    variables = providers.plugin_environment()
    assert is_complete(Path(variables["PULUMI_HOME"]))
    assert variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert variables["PULUMI_IGNORE_AMBIENT_PLUGINS"] == "true"
    assert variables["PULUMI_CREDENTIALS_PATH"] == str(tmp_path / "own")


def test_a_person_is_told_what_nobody_has_checked(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    own = put_own_cli(tmp_path)
    assert not providers.needs_checked_cli()
    assert engine.ensure_cli() == own
    assert providers.plugin_environment() == {}
    assert vendor.requests == []
    notes = capsys.readouterr().err
    assert f"Note: {own} is used as it is; it was not checked against releases.sha256." in notes
    assert "Note: the engine's plugins are not checked. releases.sha256 has no hash of" in notes


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"CI": "true"}, False),
        ({"AWS_ACCESS_KEY_ID": "x"}, False),
        ({"CI": "false", "AWS_ACCESS_KEY_ID": "x"}, False),
        ({"CI": "true", "AWS_ACCESS_KEY_ID": ""}, False),
        ({"CI": "1", "AWS_WEB_IDENTITY_TOKEN_FILE": "x"}, True),
        ({"CI": "true", "PULUMI_ACCESS_TOKEN": "x"}, True),
        ({"CI": "true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}, True),
    ],
)
def test_a_job_with_credentials_is_one_of_ci_that_has_one(
    environment: dict[str, str], expected: bool
) -> None:
    assert is_job_with_credentials(environment) is expected


def test_the_committed_hashes_are_those_of_the_versions_in_use() -> None:
    # The file is empty until a machine with a network has filled it; an update of a version fills it again.
    locked = set(releases.read_hashes())
    wanted = {release.archive_for(*platform) for release in RELEASES for platform in releases.PLATFORMS}
    assert locked in (set(), wanted), "run ./bulwark toolchain lock"


def test_an_update_finds_each_version_where_it_is_written() -> None:
    checkout = Path(__file__).parents[2]
    managers = json.loads((checkout / "renovate.json").read_text())["customManagers"]
    found: set[tuple[str, str]] = set()
    for manager in managers:
        for pattern in manager["managerFilePatterns"]:
            name = pattern.strip("/^$").replace("\\", "").replace("$", "")
            for expression in manager["matchStrings"]:
                named = re.sub(r"\(\?<(\w+)>", r"(?P<\1>", expression)
                found |= {
                    (name, match["currentValue"])
                    for match in re.finditer(named, (checkout / name).read_text())
                }
    versions = {release.version for release in RELEASES} - {engine.VERSION, AWS[1], PAGERDUTY[1]}
    assert found == {
        ("toolchain/engine.py", engine.VERSION),
        *((file, version) for file in ("toolchain/providers.py", "Pulumi.yaml") for version in versions),
    }
