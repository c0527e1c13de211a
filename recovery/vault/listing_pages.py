"""
Reading the pages of S3's listings, several times faster than botocore's parser does.

botocore looks for each member of its model among the names of an object's elements; a backup of files without
a change does little else.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

_EVENTS: Final = ("before-parse.*.ListObjectsV2", "before-parse.*.ListObjectVersions")
"""
A wildcard's handler comes before botocore's search for an error within a response, which parses all of it
(botocore/hooks.py, _PrefixTrie; botocore/handlers.py, _handle_200_error).
"""

_LISTS: Final = {"Contents": "Contents", "Version": "Versions", "DeleteMarker": "DeleteMarkers"}
"""Elements of an object, and the names of their lists in botocore's answer."""

_TRUTH: Final = {"true": True, "false": False}


def _read_time(text: str) -> datetime:
    if not text.endswith("Z"):
        raise ValueError(text)
    return datetime.fromisoformat(text)


_MEMBERS: Final[dict[str, Callable[[str], Any] | None]] = {
    "Key": None,
    "VersionId": None,
    "ETag": None,
    "Size": int,
    "IsLatest": _TRUTH.__getitem__,
    "LastModified": _read_time,
}
"""What is read of an object, and how; a text is taken as it is."""


def read_pages_quickly(client: Any) -> None:
    """
    Let a client of S3 read the objects of listings by itself.

    Its answers are as before, but that an object has only the members that this project uses. What can't be
    read so is left to botocore, which explains it.
    """
    for event in _EVENTS:
        client.meta.events.register(event, _read_page)


def _read_page(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] != 200:
        return
    try:
        page = fromstring(response_dict["body"])  # noqa: S314 - as botocore does
        namespace = page.tag[: page.tag.rfind("}") + 1]
        members = {f"{namespace}{name}": (name, read) for name, read in _MEMBERS.items()}
        names = {f"{namespace}{element}": name for element, name in _LISTS.items()}
        rest: list[Element] = []
        lists: dict[str, list[dict[str, Any]]] = {}
        for child in page:
            if name := names.get(child.tag):
                lists.setdefault(name, []).append(_read_object(child, members))
            else:
                rest.append(child)
    except (ParseError, ValueError, KeyError):
        return
    page[:] = rest
    response_dict["body"] = tostring(page)
    customized_response_dict |= lists


def _read_object(
    element: Element, members: dict[str, tuple[str, Callable[[str], Any] | None]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in element:
        if member := members.get(child.tag):
            name, read = member
            text = child.text or ""
            found[name] = read(text) if read else text
    return found
