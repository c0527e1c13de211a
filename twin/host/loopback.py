"""
Which requests a service of the twin serves: those by its own name, and from no page of another site.

The services listen on this machine's loopback address. A page in its browser can reach them there under any
name that it resolves to that address (DNS rebinding), or send requests from its own site.
"""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

NAMES: Final = frozenset(("127.0.0.1", "localhost", "::1"))

_Scope = MutableMapping[str, Any]
_Application = Callable[[_Scope, Any, Any], Awaitable[None]]


def find_foreign_name(host: str, origin: str, *, names: Collection[str] = NAMES) -> str:
    """Return what is foreign of a request's headers Host and Origin; empty if nothing is."""
    if _read_name(f"//{host}") not in names:
        return f"the host {host}"
    if origin and _read_name(origin) not in NAMES:
        return f"the origin {origin}"
    return ""


class LoopbackOnly:
    """An ASGI application that answers 403 to what is foreign; `names` are further names of its own."""

    def __init__(self, app: _Application, names: Collection[str] = ()) -> None:
        self._app = app
        self._names = NAMES | {*names}

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            foreign = find_foreign_name(
                headers.get(b"host", ""), headers.get(b"origin", ""), names=self._names
            )
            if foreign:
                body = refusal(foreign).encode()
                fields = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
                await send({"type": "http.response.start", "status": 403, "headers": fields})
                await send({"type": "http.response.body", "body": body})
                return
        await self._app(scope, receive, send)


def refusal(foreign: str) -> str:
    """Return the text of a refusal, without characters of the sender that a terminal would obey."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in foreign)
    return f"The twin answers on this machine and to no page of another site, and {shown} is foreign.\n"


def _read_name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
