import time
from pathlib import Path

import psutil
import pytest

from core.failure import Failure
from toolchain.causes import explain
from toolchain.step import run_step

OUTPUTS = {
    "error: Failed to fetch\n  cause: dns error\n  cause: Name or service not known": "cannot be reached",
    "  cause: tcp connect error\n  cause: Connection refused (os error 111)": "cannot be reached",
    "go: github.com/x: dial tcp: lookup p: no such host": "cannot be reached",
    "dial tcp 10.0.0.1:443: i/o timeout": "cannot be reached",
    "ERROR: No matching distribution found for uv==0.13.9": "cannot be reached",
    "failed to copy file: No space left on device (os error 28)": "the disk is full",
    "[Errno 28] No space left on device: '/x/.venv'": "the disk is full",
    "write $WORK/b001/_pkg_.a: no space left on device": "the disk is full",
    "[Errno 30] Read-only file system: '/x/.venv'": "cannot be written",
    "[Errno 13] Permission denied: '/x/.venv'": "cannot be written",
    "/usr/bin/python3: No module named ensurepip": "without ensurepip",
    "  cause: Hash mismatch for `six==1.17.0`": "not the file that the lock file names",
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES": "not the file that the lock file names",
    "verifying x@v1: checksum mismatch": "not the file that the lock file names",
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_known_output_of_a_tool_becomes_a_cause_and_a_next_step(output: str) -> None:
    message = str(explain("Installing", output))
    assert message.startswith("bulwark: Installing failed: ")
    assert OUTPUTS[output] in message.splitlines()[0]
    assert "\n  Next: " in message


def test_unknown_output_of_a_tool_is_shown_as_it_is() -> None:
    message = str(explain("Installing", "".join(f"line {n}\n" for n in range(9))))
    assert "line 3" not in message
    assert "    line 4\n" in message
    assert "    line 8\n" in message


def test_the_output_of_a_failed_tool_is_in_the_failure() -> None:
    with pytest.raises(Failure, match=r"(?s)Building failed.*the compiler said no"):
        run_step("Building", ["sh", "-c", "echo the compiler said no >&2; exit 3"])


def test_a_missing_tool_is_a_failure_like_any_other() -> None:
    with pytest.raises(Failure, match="Building failed"):
        run_step("Building", ["/nowhere/tool"])


def test_a_tool_over_its_limit_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    script = f"sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/child; wait"
    with pytest.raises(Failure, match="timed out after 1 s"):
        run_step("Waiting", ["sh", "-c", script], limit_seconds=1)
    assert is_gone(int((tmp_path / "child").read_text()))


def test_progress_goes_to_standard_error_only(capfd: pytest.CaptureFixture[str]) -> None:
    run_step("Working", ["sh", "-c", "echo noise"])
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors == "Working ...\nWorking: done in 0 s\n"


def is_gone(pid: int) -> bool:
    """A zombie counts as gone: in a container without an init nobody reaps an orphan."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False
