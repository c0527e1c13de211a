"""Uploads under faults: an object is stored whole, or not at all with a message that says why."""

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
    PART_BYTES,
    ProxiedVault,
)

from core.failure import Failure
from recovery.vault import client as vault_client
from recovery.vault.client import Damaged, Forbidden, create_client
from recovery.vault.vault import VaultClient

BODY = os.urandom(4 * PART_BYTES + 11)


class DumpError(Exception):
    """Raised by a dump that fails."""


def failing_dump(at: float) -> Iterator[bytes]:
    end = int(len(BODY) * at)
    for start in range(0, end, 100_000):
        yield BODY[start : min(start + 100_000, end)]
    raise DumpError


def client_with_two_attempts(vault: ProxiedVault) -> VaultClient:
    """Return a client that sends each request twice at most."""
    return VaultClient(
        create_client("us-east-1", vault.proxy.url, attempts=2), vault.bucket, part_bytes=PART_BYTES
    )


@pytest.mark.matrix(sample=2)
@pytest.mark.parametrize("at", [0.01, 0.5, 0.99])
def test_a_dump_that_fails_leaves_no_object_and_its_failure_is_passed_on(
    any_vault: ProxiedVault, at: float
) -> None:
    with pytest.raises(DumpError) as raised:
        any_vault.client.store("k", failing_dump(at))
    assert any_vault.keys() == []
    assert any_vault.count_unfinished_uploads() == 0
    notes = getattr(raised.value, "__notes__", [])
    assert bool(notes) == (at > 0.3)
    assert all("was given up; its parts were removed" in note for note in notes)


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_upload_leaves_nothing(any_vault: ProxiedVault, kind: type[BaseException]) -> None:
    def chunks() -> Iterator[bytes]:
        yield BODY[: 3 * PART_BYTES]
        raise kind

    with pytest.raises(kind):
        any_vault.client.store("k", chunks())
    assert any_vault.keys() == []
    assert any_vault.count_unfinished_uploads() == 0


_ENDLESS = """
import signal, sys
from recovery.vault.client import create_client
from recovery.vault.vault import VaultClient

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
begun = []
def on_progress(done):
    if done and not begun:
        begun.append(print("under way", flush=True))
def chunks():
    while True:
        yield bytes(1 << 20)
vault = VaultClient(create_client("us-east-1", sys.argv[1]), sys.argv[2], part_bytes=5 << 20)
vault.store("k", chunks(), on_progress=on_progress)
"""


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_upload_and_leaves_nothing(
    locked_vault: ProxiedVault, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, locked_vault.proxy.url, locked_vault.bucket],
        env={"PATH": os.defpath, **credentials()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "under way\n"
            assert locked_vault.count_unfinished_uploads() == 1
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGINT), errors
    assert locked_vault.keys() == []
    assert locked_vault.count_unfinished_uploads() == 0


@pytest.mark.matrix(sample=4)
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
        Fault("PUT", "partNumber=2", cut_request=PART_BYTES // 100),
        Fault("PUT", "partNumber=3", cut_request=PART_BYTES * 99 // 100),
        Fault("PUT", "partNumber=3", lose_answer=True),
        Fault("POST", "uploadId", cut_answer=10),
    ],
    ids=lambda fault: " ".join(f"{name}={value}" for name, value in vars(fault).items() if value),
)
def test_an_upload_survives_a_passing_fault(plain_vault: ProxiedVault, fault: Fault) -> None:
    fault = Fault(**vars(fault))
    plain_vault.proxy.faults.append(fault)
    stored = plain_vault.client.store("k", [BODY])
    assert fault.times == 0
    assert stored.bytes == len(BODY)
    assert plain_vault.content("k") == BODY


def test_a_vault_that_takes_longer_for_a_part_than_a_connection_may_take_is_waited_for(
    plain_vault: ProxiedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_client, "_CONNECT_SECONDS", 0.5)
    plain_vault.proxy.faults.append(Fault("PUT", "partNumber", times=4, pause=0.02))
    client_with_two_attempts(plain_vault).store("k", [BODY])
    assert plain_vault.content("k") == BODY
    assert len(plain_vault.proxy.requests("PUT", "partNumber")) == 5


def test_a_vault_that_can_no_longer_be_reached_is_reported(plain_vault: ProxiedVault) -> None:
    def chunks() -> Iterator[bytes]:
        yield BODY[: 2 * PART_BYTES]
        plain_vault.proxy.is_down = True
        yield BODY[2 * PART_BYTES :]

    with pytest.raises(Failure, match="can't be reached, or the connection broke each time") as raised:
        client_with_two_attempts(plain_vault).store("k", chunks())
    assert f"Storing k in vault {plain_vault.bucket} failed" in str(raised.value)
    assert "Next: check the network" in str(raised.value)
    assert "http" not in str(raised.value).replace("HTTPS_PROXY", "")
    (note,) = raised.value.__notes__
    assert "its parts stay until the vault's lifecycle removes them" in note
    assert plain_vault.keys() == []


def test_a_damaged_small_object_is_refused_and_sent_again(plain_vault: ProxiedVault) -> None:
    plain_vault.proxy.faults.append(Fault("PUT", "/k", damage_request=3))
    plain_vault.client.put("k", b"document")
    assert plain_vault.content("k") == b"document"


def test_a_damaged_part_is_refused_and_nothing_is_stored(plain_vault: ProxiedVault) -> None:
    """rclone has streamed the part on when it finds the damage, so that the part can't be sent again."""
    plain_vault.proxy.faults.append(Fault("PUT", "partNumber=1", damage_request=1_000))
    with pytest.raises(Failure, match="Storing k in vault"):
        plain_vault.client.store("k", [BODY])
    assert plain_vault.keys() == []
    assert plain_vault.count_unfinished_uploads() == 0


def test_a_damaged_part_that_a_server_accepted_fails_the_whole_upload(locked_vault: ProxiedVault) -> None:
    damaged = Fault("PUT", "partNumber=2", damage_request=1_000, has_no_checksum=True)
    locked_vault.proxy.faults.append(damaged)
    with pytest.raises(Damaged, match="what arrived at the vault is not what was sent"):
        locked_vault.client.store("k", [BODY])
    assert locked_vault.keys() == []
    assert locked_vault.count_unfinished_uploads() == 0


def test_a_part_that_arrived_damaged_once_is_sent_again(locked_vault: ProxiedVault) -> None:
    locked_vault.proxy.faults.append(Fault("PUT", "partNumber=2", damage_request=1_000))
    locked_vault.client.store("k", [BODY])
    assert locked_vault.content("k") == BODY


@pytest.mark.matrix(sample=6)
@pytest.mark.parametrize(
    ("status", "code", "cause", "next_step"),
    [
        (400, "ExpiredToken", "the credentials have expired", "get new ones"),
        (403, "InvalidAccessKeyId", "the credentials are not accepted", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "the credentials are not accepted", "AWS_SECRET_ACCESS_KEY"),
        (403, "RequestTimeTooSkewed", "this machine's clock is wrong", "NTP"),
        (403, "AccessDenied", "the credentials may not do this", "backups are written as writer_role"),
        (404, "NoSuchBucket", "there is no such bucket", "the stack's outputs"),
        (400, "KMS.DisabledException", "the vault's KMS key is disabled", "enable the key"),
        (400, "KMS.KMSInvalidStateException", "KMS key is about to be deleted", "cancel-key-deletion"),
        (400, "KMS.NotFoundException", "the vault's KMS key can't be used", "the key exists"),
        (400, "AuthorizationHeaderMalformed", "the vault lies in another region", "own region"),
        (503, "SlowDown", "overloaded", "wait some minutes"),
        (418, "Unheard", "the vault answered Unheard", "what it said"),
    ],
)
@pytest.mark.parametrize("when", ["first", "part"])
def test_each_refusal_of_the_vault_is_reported_with_the_next_step(  # noqa: PLR0917 - parameters
    plain_vault: ProxiedVault, status: int, code: str, cause: str, next_step: str, when: str
) -> None:
    first = when == "first"
    fault = Fault("*", "" if first else "partNumber", times=50, answer=(status, code))
    plain_vault.proxy.faults.append(fault)
    with pytest.raises(Failure) as raised:
        client_with_two_attempts(plain_vault).store("k", [BODY])
    text = str(raised.value)
    assert cause in text
    assert next_step in text.partition("Next:")[2]
    assert plain_vault.bucket in text
    assert "planted" not in text
    assert isinstance(raised.value, Forbidden) == (code == "AccessDenied")
    assert plain_vault.keys() == []


def test_a_wrong_secret_key_is_told_apart_from_a_missing_permission(
    plain_vault: ProxiedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-planted-secret")
    with pytest.raises(Failure, match="the credentials are not accepted"):
        client_with_two_attempts(plain_vault).put("k", b"1")


def test_missing_credentials_are_reported(plain_vault: ProxiedVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Failure, match="there are no credentials for the vault"):
        client_with_two_attempts(plain_vault).put("k", b"1")


def test_no_upload_thread_outlives_its_upload(plain_vault: ProxiedVault) -> None:
    before = set(threading.enumerate())  # an upload of another test may still be ending
    plain_vault.client.store("k", [BODY])
    for thread in set(threading.enumerate()) - before:
        if thread.name == "upload":
            thread.join(timeout=10)
            assert not thread.is_alive()


def test_parts_of_an_upload_that_was_given_up_are_refused(locked_vault: ProxiedVault) -> None:
    with pytest.raises(DumpError):
        locked_vault.client.store("k", failing_dump(0.9))
    (_, path, _), *_ = [seen for seen in locked_vault.proxy.recorded if seen[0] == "DELETE"]
    upload = path.partition("uploadId=")[2].partition("&")[0]
    with pytest.raises(ClientError, match="NoSuchUpload"):
        locked_vault.direct.list_parts(Bucket=locked_vault.bucket, Key="k", UploadId=upload)
