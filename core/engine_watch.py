"""End plugins and policy packs together with the engine that started them, also when it is killed."""

import os
import re
import socket
import sys
import threading
import time

_EVERY_SECONDS = 1.0
_TIMEOUT_SECONDS = 5.0
_ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")


def end_with_engine() -> None:
    """
    Watch the engine that started this process, and end this process when the engine has ended.

    The engine passes its address as the first argument of each process that it starts. Without an address
    nothing is watched.
    """
    found = next(filter(None, map(_ADDRESS.fullmatch, sys.argv[1:])), None)
    if found:
        threading.Thread(target=_watch, args=(int(found[1]),), daemon=True).start()


def _watch(port: int) -> None:
    while _answers(port):
        time.sleep(_EVERY_SECONDS)
    os._exit(1)


def _answers(port: int) -> bool:
    """Return False only if the connection is refused: on a busy machine the engine may answer late."""
    try:
        socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True
