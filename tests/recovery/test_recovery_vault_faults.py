"""Storing while things go wrong: either it is whole, or there is nothing and the message says why."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from s3_server import Fault, credentials
from vaults import (
    PART,
    Place,
)

from core.failure import Failure
from recovery.vault import client as vault_client
from recovery.vault.client import Damaged, Forbidden, client
from recovery.vault.vault import VaultClient

BODY = os.urandom(4 * PART + 11)


class DumpError(Exception):
    """What a dump raises that failed."""


def failing(at: float) -> Iterator[bytes]:
    end = int(len(BODY) * at)
    for start in range(0, end, 100_000):
        yield BODY[start : min(start + 100_000, end)]
    raise DumpError


def impatient(place: Place) -> VaultClient:
    """Return a vault whose client asks no more than twice."""
    return VaultClient(client("us-east-1", place.proxy.url, attempts=2), place.bucket, part_bytes=PART)


@pytest.mark.parametrize("at", [0.01, 0.5, 0.99])
def test_a_dump_that_fails_leaves_nothing_and_its_failure_goes_on(place: Place, at: float) -> None:
    with pytest.raises(DumpError) as raised:
        place.vault.store("k", failing(at))
    assert place.keys() == []
    assert place.unfinished() == 0
    notes = getattr(raised.value, "__notes__", [])
    assert bool(notes) == (at > 0.3)
    assert all("was given up; its parts were removed" in note for note in notes)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interruption_leaves_nothing(place: Place, kind: type[BaseException]) -> None:
    def chunks() -> Iterator[bytes]:
        yield BODY[: 3 * PART]
        raise kind

    with pytest.raises(kind):
        place.vault.store("k", chunks())
    assert place.keys() == []
    assert place.unfinished() == 0


_ENDLESS = """
import signal, sys
from recovery.vault.vault import Vault
from recovery.vault.client import client

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
told = []
def progress(done):
    if done and not told:
        told.append(print("under way", flush=True))
def chunks():
    while True:
        yield bytes(1 << 20)
vault = Vault(client("us-east-1", sys.argv[1]), sys.argv[2], part_bytes=5 << 20)
vault.store("k", chunks(), progress=progress)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_nothing(locked: Place, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, locked.proxy.url, locked.bucket],
        env={"PATH": os.defpath, **credentials()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "under way\n"
            assert locked.unfinished() == 1
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGINT), errors
    assert locked.keys() == []
    assert locked.unfinished() == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "uploads", answer=(503, "SlowDown")),
        Fault("PUT", "partNumber", times=3, answer=(503, "SlowDown")),
        Fault("PUT", "partNumber=2", answer=(500, "InternalError")),
        Fault("POST", "uploadId", answer=(503, "ServiceUnavailable")),
        Fault("POST", "uploadId", answer=(200, "InternalError")),
        Fault("GET", times=2, answer=(503, "SlowDown")),
        Fault("PUT", "partNumber=1", cut_request=0),
        Fault("PUT", "partNumber=2", cut_request=PART // 100),
        Fault("PUT", "partNumber=3", cut_request=PART * 99 // 100),
        Fault("PUT", "partNumber=3", lose_answer=True),
        Fault("POST", "uploadId", cut_answer=10),
    ],
    ids=lambda fault: " ".join(f"{name}={value}" for name, value in vars(fault).items() if value),
)
def test_what_goes_by_is_lived_through(plain: Place, fault: Fault) -> None:
    fault = Fault(**vars(fault))
    plain.proxy.faults.append(fault)
    stored = plain.vault.store("k", [BODY])
    assert fault.times == 0
    assert stored.bytes == len(BODY)
    assert plain.content("k") == BODY


def test_a_vault_that_takes_longer_for_a_part_than_a_connection_may_take_is_waited_for(
    plain: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_client, "_CONNECT_SECONDS", 0.5)
    plain.proxy.faults.append(Fault("PUT", "partNumber", times=4, pause=0.02))
    impatient(plain).store("k", [BODY])
    assert plain.content("k") == BODY
    assert len(plain.proxy.requests("PUT", "partNumber")) == 5


def test_a_vault_that_is_gone_for_good_is_said_to_be(plain: Place) -> None:
    def chunks() -> Iterator[bytes]:
        yield BODY[: 2 * PART]
        plain.proxy.gone = True
        yield BODY[2 * PART :]

    with pytest.raises(Failure, match="can't be reached, or the connection broke each time") as raised:
        impatient(plain).store("k", chunks())
    assert f"Storing k in vault {plain.bucket} failed" in str(raised.value)
    assert "Next: check the network" in str(raised.value)
    assert "http" not in str(raised.value).replace("HTTPS_PROXY", "")
    (note,) = raised.value.__notes__
    assert "its parts stay until the vault's lifecycle removes them" in note
    assert plain.keys() == []


def test_a_damaged_small_object_is_refused_and_sent_again(plain: Place) -> None:
    plain.proxy.faults.append(Fault("PUT", "/k", damage_request=3))
    plain.vault.put("k", b"document")
    assert plain.content("k") == b"document"


def test_a_damaged_part_is_refused_and_nothing_is_stored(plain: Place) -> None:
    """The server that checks it has then already streamed it on, so that nothing can take its place."""
    plain.proxy.faults.append(Fault("PUT", "partNumber=1", damage_request=1_000))
    with pytest.raises(Failure, match="Storing k in vault"):
        plain.vault.store("k", [BODY])
    assert plain.keys() == []
    assert plain.unfinished() == 0


def test_a_damaged_part_that_a_server_let_in_is_refused_with_the_whole(locked: Place) -> None:
    locked.proxy.faults.append(Fault("PUT", "partNumber=2", damage_request=1_000))
    with pytest.raises(Damaged, match="what arrived at the vault is not what was sent"):
        locked.vault.store("k", [BODY])
    assert locked.keys() == []
    assert locked.unfinished() == 0


def test_a_part_that_arrived_damaged_once_is_sent_again(locked: Place) -> None:
    locked.proxy.faults.append(Fault("PUT", "partNumber=2", answer=(400, "BadDigest")))
    locked.vault.store("k", [BODY])
    assert locked.content("k") == BODY


@pytest.mark.parametrize(
    ("status", "code", "cause", "next_step"),
    [
        (400, "ExpiredToken", "the credentials have expired", "get new ones"),
        (403, "InvalidAccessKeyId", "the credentials are not accepted", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "the credentials are not accepted", "AWS_SECRET_ACCESS_KEY"),
        (403, "RequestTimeTooSkewed", "this machine's clock is wrong", "NTP"),
        (403, "AccessDenied", "the credentials may not do this", "backups are written as writer_role"),
        (404, "NoSuchBucket", "there is no such bucket", "the stack's outputs"),
        (400, "KMS.DisabledException", "the vault's KMS key can't be used", "the key is enabled"),
        (400, "AuthorizationHeaderMalformed", "the vault lies in another region", "own region"),
        (503, "SlowDown", "overloaded", "wait some minutes"),
        (418, "Unheard", "the vault answered Unheard", "what it said"),
    ],
)
@pytest.mark.parametrize("when", ["first", "part"])
def test_each_refusal_is_said_with_what_to_do(  # noqa: PLR0917 - parameters
    plain: Place, status: int, code: str, cause: str, next_step: str, when: str
) -> None:
    first = when == "first"
    fault = Fault("*", "" if first else "partNumber", times=50, answer=(status, code))
    plain.proxy.faults.append(fault)
    with pytest.raises(Failure) as raised:
        impatient(plain).store("k", [BODY])
    text = str(raised.value)
    assert cause in text
    assert next_step in text.partition("Next:")[2]
    assert plain.bucket in text
    assert "planted" not in text
    assert isinstance(raised.value, Forbidden) == (code == "AccessDenied")
    assert plain.keys() == []


def test_a_wrong_secret_is_told_from_a_wrong_right(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-planted-secret")
    with pytest.raises(Failure, match="the credentials are not accepted"):
        impatient(plain).put("k", b"1")


def test_missing_credentials_are_said_to_be(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Failure, match="there are no credentials for the vault"):
        impatient(plain).put("k", b"1")


def test_no_upload_thread_outlives_its_upload(plain: Place) -> None:
    before = set(threading.enumerate())  # an upload of another test may be on its way to give up
    plain.vault.store("k", [BODY])
    for thread in set(threading.enumerate()) - before:
        if thread.name == "upload":
            thread.join(timeout=10)
            assert not thread.is_alive()


def test_parts_of_an_upload_that_was_given_up_are_refused(locked: Place) -> None:
    with pytest.raises(DumpError):
        locked.vault.store("k", failing(0.9))
    (_, path, _), *_ = [seen for seen in locked.proxy.seen if seen[0] == "DELETE"]
    upload = path.partition("uploadId=")[2].partition("&")[0]
    with pytest.raises(ClientError, match="NoSuchUpload"):
        locked.raw.list_parts(Bucket=locked.bucket, Key="k", UploadId=upload)
