"""The application of a drill serves what came out of a dump: it reaches nothing of whoever drills."""

import os
import socket
import sys
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import httpx
import pytest

from core.failure import Failure
from recovery.drill import smoke_tests
from recovery.drill.smoke_tests import find_isolation, find_leftover_processes, start_application
from recovery.drill.spec import Application

_SERVER = """
import glob, http.server, os, sys
def read(pattern):
    for path in glob.glob(pattern):
        try:
            yield open(path, errors="replace").read()
        except OSError:
            pass
class Report(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        files = (sys.argv[2], "/proc/[0-9]*/environ", "/root/.*", "/home/*/.*", "/run/user/*/*")
        found = [str(os.getuid()), str(dict(os.environ)), *(text for each in files for text in read(each))]
        self.send_response(200)
        self.end_headers()
        self.wfile.write("\\n".join(found).encode(errors="replace"))
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Report).serve_forever()
"""
_SCOPE = f"test-{token_hex()}"


def application(*arguments: str, unsandboxed: bool = False) -> Application:
    return Application(
        (sys.executable, "-c", _SERVER, "{port}", *arguments),
        "http://127.0.0.1:{port}/",
        "DATABASE_URL",
        30,
        unsandboxed,
    )


def test_drilled_application_reads_no_secret_of_whoever_drills(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither from a parent's environment nor from a file; it has the database's address and a network."""
    isolation = find_isolation()
    if not isolation.is_any:
        pytest.skip("this machine allows neither another user nor a namespace")
    secret = f"planted-{token_hex()}"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    with TemporaryDirectory() as folder:
        credentials = Path(folder) / "credentials"
        credentials.touch(mode=0o600)
        credentials.write_text(secret)
        with start_application(application(str(credentials)), "postgresql://x", scope=_SCOPE) as url:
            report = httpx.get(url, trust_env=False).text
            assert find_leftover_processes(_SCOPE)
    assert secret not in report
    assert "'DATABASE_URL': 'postgresql://x'" in report
    if isolation.account:
        assert report.startswith(f"{isolation.account.user}\n")
    assert not find_leftover_processes(_SCOPE)


def test_drilled_application_has_the_callers_rights_where_it_is_told_so() -> None:
    with (
        TemporaryDirectory() as folder,
        start_application(
            application(str(Path(folder) / "none"), unsandboxed=True), "postgresql://x", scope=_SCOPE
        ) as url,
    ):
        report = httpx.get(url, trust_env=False).text
    assert report.startswith(f"{os.getuid()}\n")


def test_drilled_application_gets_another_port_where_one_was_taken_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw_port = smoke_tests._free_port  # noqa: SLF001 - so that the first is taken
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = [other.getsockname()[1]]
        monkeypatch.setattr(smoke_tests, "_free_port", lambda: ports.pop() if ports else draw_port())
        with start_application(application("none", unsandboxed=True), "postgresql://x", scope=_SCOPE) as url:
            assert httpx.get(url, trust_env=False).status_code == 200
    assert not ports
    assert not find_leftover_processes(_SCOPE)


def test_drilled_application_that_does_not_exist_is_named() -> None:
    missing = Application(("no-such-program",), "http://127.0.0.1:{port}/", "X", 5)
    with (
        pytest.raises(Failure, match="no-such-program can't be started"),
        start_application(missing, "postgresql://x", scope=_SCOPE),
    ):
        pass


def test_drilled_application_starts_by_an_interpreter_behind_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not find_isolation().namespaces:
        pytest.skip("this machine allows no namespaces")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "environment").symlink_to(sys.prefix)
    monkeypatch.chdir(checkout)
    linked = replace(application(), command=("environment/bin/python", "-c", _SERVER, "{port}", "none"))
    with start_application(linked, "postgresql://x", scope=_SCOPE) as url:
        assert httpx.get(url, trust_env=False).status_code == 200
