"""For what the engine starts: plugins and policy packs, which a killed engine would leave behind."""

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
    End this process at once when the engine that started it is gone.

    The engine's address is the first argument of everything that it starts; without one nothing is watched.
    """
    found = next(filter(None, map(_ADDRESS.fullmatch, sys.argv[1:])), None)
    if found:
        threading.Thread(target=_watch, args=(int(found[1]),), daemon=True).start()


def _watch(port: int) -> None:
    while _answers(port):
        time.sleep(_EVERY_SECONDS)
    os._exit(1)


def _answers(port: int) -> bool:
    """Only a refusal means that the engine is gone; on a machine under load it may be slow."""
    try:
        socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True
