"""
Reading the pages of S3's listings, many times faster than botocore's parser does.

botocore looks for each member of its model among the names of an object's elements; a backup of files
without a change does little else. A page in the form that AWS and most services send is read with one
regular expression, into columns; another one by ElementTree; what neither reads is left to botocore.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, overload
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

from botocore.exceptions import PaginationError

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

_TEXTS: Final = {
    "Key": "([^<&]*)",
    "VersionId": "([^<&]*)",
    "ETag": '(?:&quot;|")([^<&"]*)(?:&quot;|")',
    "Size": "([0-9]{1,18})",
    "IsLatest": "(true|false)",
    "LastModified": "([-0-9]{10}T[0-9:.]+Z)",
}
"""What each of them is in a page that is read with a regular expression."""

_OTHERS: Final = (
    r"(?:<(?:StorageClass|ChecksumAlgorithm|ChecksumType)>[^<]*</[A-Za-z]+>"
    r"|<Owner>(?:<(?:ID|DisplayName)>[^<]*</[A-Za-z]+>|<DisplayName/>)*</Owner>)*"
)
_MAX_ITEM_CHARACTERS: Final = 1 << 14
_TAG: Final = re.compile("(<[^>]*>)")
_OPENING: Final = re.compile("<([A-Za-z]+)>")
_ITEM: Final = re.compile(f"<({'|'.join(_LISTS)})>")
_SAME_PAGE: Final = {
    "Contents": ("Contents",),
    "Version": ("Version", "DeleteMarker"),
    "DeleteMarker": ("Version", "DeleteMarker"),
}
_OTHER_ENCODING: Final = re.compile(r"""<\?xml[^>]*encoding=["'](?!utf-8["'])""", re.IGNORECASE)


class PageItems(Sequence[dict[str, Any]]):
    """The objects of a page: columns of texts or, one by one, what botocore makes of them."""

    def __init__(self, columns: Mapping[str, Sequence[str]]) -> None:
        self._columns = columns
        self._items: list[dict[str, Any]] | None = None

    def column(self, name: str) -> Sequence[str]:
        """Return a member of all objects as its text in the page, an ETag without its quotes."""
        return self._columns[name]

    def _read(self) -> list[dict[str, Any]]:
        """Return the same dictionaries each time: botocore's handlers decode their keys in place."""
        if self._items is None:
            columns = {
                name: [f'"{text}"' for text in texts]
                if name == "ETag"
                else [read(text) for text in texts]
                if (read := _MEMBERS[name])
                else texts
                for name, texts in self._columns.items()
            }
            self._items = [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
        return self._items

    def __len__(self) -> int:
        return len(self._columns["Key"])

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self._read()[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._read())


def list_object_columns(
    client: Any, bucket: str, names: Sequence[str], **more: str
) -> Iterator[tuple[Sequence[str], ...]]:
    """
    Yield members of a bucket's objects as columns of texts, page by page; the first is `Key`.

    `more` is of the request. An ETag is without its quotes.

    Raises:
        ClientError, BotoCoreError: a request fails, or a page does not say how to go on.
    """
    more["EncodingType"] = "url"
    while True:
        page = client.list_objects_v2(Bucket=bucket, **more)
        yield _read_columns(page, "Contents", names)
        if not page.get("IsTruncated"):
            return
        _go_on(more, {"ContinuationToken": page.get("NextContinuationToken", "")})


def list_version_columns(
    client: Any, bucket: str, names: Sequence[str], **more: str
) -> Iterator[tuple[Sequence[str], ...]]:
    """Yield members of a bucket's versions, as `list_object_columns` does, without delete markers."""
    more["EncodingType"] = "url"
    while True:
        page = client.list_object_versions(Bucket=bucket, **more)
        yield _read_columns(page, "Versions", names)
        if not page.get("IsTruncated"):
            return
        marker, version = (page.get(name, "") for name in ("NextKeyMarker", "NextVersionIdMarker"))
        marker = unquote_plus(marker) if page.get("EncodingType") == "url" else marker
        more.pop("VersionIdMarker", None)
        _go_on(more, {"KeyMarker": marker} | ({"VersionIdMarker": version} if version else {}))


def _go_on(request: dict[str, str], markers: dict[str, str]) -> None:
    if not all(markers.values()) or request | markers == request:
        raise PaginationError(message="a page that is not the last does not say where the next one begins")
    request |= markers


def _read_columns(page: Mapping[str, Any], name: str, names: Sequence[str]) -> tuple[Sequence[str], ...]:
    """Return members of a page's objects as columns; names that are encoded are decoded."""
    items = page.get(name, ())
    columns: dict[str, Sequence[str]] = (
        {member: items.column(member) for member in names}
        if isinstance(items, PageItems)
        else {member: [_to_text(item.get(member, "")) for item in items] for member in names}
    )
    if page.get("EncodingType") == "url":
        keys = columns["Key"]
        columns["Key"] = [unquote_plus(key) if "%" in key or "+" in key else key for key in keys]
    return tuple(columns.values())


def _to_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value).strip('"')


def read_pages_quickly(client: Any) -> None:
    """
    Let a client of S3 read the objects of listings by itself.

    Its answers are as before, but that an object has only the members that this project uses.
    """
    for event in _EVENTS:
        client.meta.events.register(event, _read_page)


def _read_page(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] != 200:
        return
    try:
        body = response_dict["body"]
        rest, lists = _split_columns(body) or _split_elements(body)
    except (ParseError, ValueError, KeyError):
        return
    response_dict["body"] = rest
    customized_response_dict |= lists


def _split_columns(body: bytes) -> tuple[bytes, dict[str, Sequence[dict[str, Any]]]] | None:
    """Return a page without its objects, and them; None if it is not of the form that is read so."""
    text = body.decode()
    if not (found := _ITEM.search(text)):
        return None
    start = found.start()
    end = max(text.rfind(f"</{name}>") + len(f"</{name}>") for name in _SAME_PAGE[found[1]])
    if "<!" in text[:start] or "<!" in text[end:] or "\r" in text or _OTHER_ENCODING.match(text):
        return None
    rest, lists = text[start:end], dict[str, Sequence[dict[str, Any]]]()
    while found := _ITEM.match(rest):
        columns, rest = _take_columns(found[1], rest)
        if not columns:
            return None
        lists[_LISTS[found[1]]] = PageItems(columns)
    # Nothing else may stand between the objects.
    return None if rest else (f"{text[:start]}{text[end:]}".encode(), lists)


def _take_columns(name: str, text: str) -> tuple[dict[str, Sequence[str]], str]:
    """Return the members of the objects with this element, and what is between; none if not all match."""
    first = text[text.index(f"<{name}>") : text.index(f"</{name}>") + len(f"</{name}>")]
    order = tuple(member for member in _OPENING.findall(first) if member in _MEMBERS)
    if "Key" not in order or len(set(order)) < len(order) or len(first) > _MAX_ITEM_CHARACTERS:
        return {}, text
    for pattern in (_compile_like(first), _compile(name, order)):
        parts = pattern.split(text)
        rest = "".join(parts[:: len(order) + 1])
        if f"<{name}>" not in rest:
            return {member: parts[1 + number :: len(order) + 1] for number, member in enumerate(order)}, rest
    return {}, text


def _compile_like(item: str) -> re.Pattern[str]:
    """Return what matches an object with the same elements in the same order, as most of a page have."""
    tags = _TAG.split(item)  # text, tag, text, ..., tag, text
    parts = [re.escape(tags[1])]
    for before, text, tag in zip(tags[1::2], tags[2::2], tags[3::2], strict=False):
        member = _TEXTS.get(before[1:-1])
        parts += [member or ("[^<]*" if tag.startswith("</") else re.escape(text)), re.escape(tag)]
    return _cached_compile("".join(parts))


@cache
def _compile(name: str, order: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches an object whose members come in this order, with other members anywhere."""
    members = (f"<{member}>{_TEXTS[member]}</{member}>{_OTHERS}" for member in order)
    return re.compile(f"<{name}>{_OTHERS}{''.join(members)}</{name}>")


_cached_compile = lru_cache(64)(re.compile)


def _split_elements(body: bytes) -> tuple[bytes, dict[str, Sequence[dict[str, Any]]]]:
    """Return a page without its objects, and them. Raise an error for what is no page."""
    page = fromstring(body)  # noqa: S314 - as botocore does
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
    page[:] = rest
    return tostring(page), {**lists}


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
