"""The twin's own certificates."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from twin.host.home import TwinHome
from twin.host.tls import ensure_certificates

FILES = ("ca.crt", "platform.crt", "platform.key", "platform-short.pem", "platform-other.pem")


@pytest.fixture
def home(tmp_path: Path) -> TwinHome:
    home = TwinHome(tmp_path / "twin")
    home.create()
    return home


def contents(home: TwinHome) -> list[bytes]:
    return [(home.tls / name).read_bytes() for name in FILES]


def test_the_certificate_is_for_this_machine_and_signed_by_the_twins_authority(home: TwinHome) -> None:
    ensure_certificates(home)
    authority, server = (
        x509.load_pem_x509_certificate((home.tls / name).read_bytes()) for name in ("ca.crt", "platform.crt")
    )
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    for name in FILES:
        assert stat.S_IMODE((home.tls / name).stat().st_mode) == 0o600


def test_certificates_are_made_once_even_by_many_at_the_same_time(home: TwinHome) -> None:
    with ThreadPoolExecutor(8) as together:
        seen = list(together.map(lambda _: (ensure_certificates(home), contents(home))[1], range(8)))
    assert all(content == seen[0] for content in seen)


def test_the_key_of_the_authority_is_not_kept(home: TwinHome) -> None:
    ensure_certificates(home)
    authority = x509.load_pem_x509_certificate((home.tls / "ca.crt").read_bytes())
    key = serialization.load_pem_private_key((home.tls / "platform.key").read_bytes(), None)
    assert key.public_key() != authority.public_key()
    assert {file.name for file in home.tls.iterdir() if not file.name.startswith(".")} == set(FILES)


def test_certificates_about_to_end_are_made_anew(home: TwinHome) -> None:
    ensure_certificates(home, lifetime=timedelta(days=6))
    before = contents(home)
    ensure_certificates(home)
    after = contents(home)
    assert all(old != new for old, new in zip(before, after, strict=True))
    ensure_certificates(home)
    assert contents(home) == after


@pytest.mark.parametrize("lost", FILES)
def test_certificates_that_an_interruption_mixed_up_are_made_anew(
    home: TwinHome, tmp_path: Path, lost: str
) -> None:
    other = TwinHome(tmp_path / "other")
    other.create()
    for made in (home, other):
        ensure_certificates(made)
    (home.tls / lost).write_bytes((other.tls / lost).read_bytes())
    before = contents(home)
    ensure_certificates(home)
    assert contents(home) != before
    (home.tls / lost).unlink()
    ensure_certificates(home)
    assert (home.tls / lost).exists()
