"""Pages of S3's listings are read as botocore reads them."""

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError, create_parser

from recovery.vault.client import AccessKey, create_client
from recovery.vault.listing_pages import list_object_columns, list_version_columns

_PARSER = create_parser("rest-xml")
_MODEL = botocore.session.get_session().get_service_model("s3")
_OBJECT = """
<Key>a &amp; &lt;b&gt;&#13;é</Key><LastModified>2026-11-28T03:00:00.123Z</LastModified>
<ETag>&quot;5d41402abc4b2a76b9719d911017c592-2&quot;</ETag><Size>5368709120</Size>
<StorageClass>GLACIER</StorageClass><ChecksumAlgorithm>SHA256</ChecksumAlgorithm>
<Owner><ID>Key</ID><DisplayName>Size</DisplayName></Owner>
"""
_VERSION = f"{_OBJECT}<VersionId>null</VersionId><IsLatest>true</IsLatest>"
_MARKER = (
    "<Key>gone</Key><VersionId>3/L4kqtJ</VersionId><IsLatest>false</IsLatest>"
    "<LastModified>2026-11-28T03:00:00Z</LastModified>"
)
_NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
OBJECTS = (
    "ListObjectsV2",
    f"<ListBucketResult{_NAMESPACE}><Name>b</Name><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>"
    f"<Contents>{_OBJECT}</Contents><NextContinuationToken>1=</NextContinuationToken>"
    f"<Contents>{_OBJECT}</Contents><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>",
)
VERSIONS = (
    "ListObjectVersions",
    f"<ListVersionsResult{_NAMESPACE}><EncodingType>url</EncodingType><Version>{_VERSION}</Version>"
    f"<DeleteMarker>{_MARKER}</DeleteMarker><Version>{_VERSION}</Version>"
    "<IsTruncated>false</IsTruncated></ListVersionsResult>",
)
_AWS_OBJECT = (
    "<Contents><Key>{0}</Key><LastModified>2026-11-28T03:00:00.000Z</LastModified><ETag>&quot;0{0}&quot;</ETag>"
    "{1}<Size>{0}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
_AWS_VERSION = (
    "<Version><Key>{0}</Key><VersionId>v{0}</VersionId><IsLatest>{1}</IsLatest>"
    "<LastModified>2026-11-28T03:00:00.000Z</LastModified><ETag>&quot;{0}&quot;</ETag><Size>{0}</Size>"
    "<Owner><ID>1</ID></Owner><StorageClass>STANDARD</StorageClass></Version>"
)
_CHECKSUM = "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
_READ = frozenset(("Key", "VersionId", "ETag", "Size", "IsLatest", "LastModified"))


def read_by_botocore(operation: str, body: bytes, status: int) -> dict[str, Any]:
    shape = _MODEL.operation_model(operation).output_shape
    assert shape
    return _PARSER.parse({"headers": {}, "status_code": status, "body": body}, shape)


def read_by_client(operation: str, body: bytes, status: int = 200) -> dict[str, Any]:
    """Parse a response as a client of vaults does."""
    client: Any = create_client("us-east-1", access_key=AccessKey("planted-key-id", "planted-secret"))
    response: dict[str, Any] = {"headers": {}, "status_code": status, "body": body}
    read: dict[str, Any] = {}
    client.meta.events.emit(
        f"before-parse.s3.{operation}",
        operation_model=_MODEL.operation_model(operation),
        response_dict=response,
        customized_response_dict=read,
    )
    return read_by_botocore(operation, response["body"], status) | read


def reduce_objects(page: dict[str, Any]) -> dict[str, Any]:
    """Return a page whose objects have only what the project reads."""
    return {
        name: [{key: value for key, value in each.items() if key in _READ} for each in values]
        if name in {"Contents", "Versions", "DeleteMarkers"}
        else values
        for name, values in page.items()
    }


@pytest.mark.parametrize(("operation", "text"), [OBJECTS, VERSIONS], ids=["objects", "versions"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        (_NAMESPACE, ""),
        ("03:00:00.123Z", "03:00:00.123+00:00"),
        ("2026-11-28T03:00:00.123Z", "Sat, 28 Nov 2026 03:00:00 GMT"),
        ("<Owner>", "<Owner><Owner><Key>within</Key></Owner>"),
        (_OBJECT, "<Key/><Size>1</Size>"),
        (_OBJECT, ""),
        ("<Contents>", "<Contents><!-- <Key>comment</Key> -->"),
    ],
    ids=["plain", "no namespace", "offset", "other time", "nested", "empty key", "nothing", "comment"],
)
def test_a_page_has_the_objects_that_botocore_finds(operation: str, text: str, old: str, new: str) -> None:
    body = text.replace(old, new).encode()
    expected = read_by_botocore(operation, body, 200)
    assert reduce_objects(read_by_client(operation, body)) == reduce_objects(expected)


@pytest.mark.parametrize(
    ("operation", "items"),
    [
        ("ListObjectsV2", [_AWS_OBJECT.format(number, "") for number in range(5)]),
        ("ListObjectsV2", [_AWS_OBJECT.format(number, _CHECKSUM * (number % 2)) for number in range(5)]),
        ("ListObjectsV2", [_AWS_OBJECT.format(1, ""), "<Contents><Key>&#65;&amp;</Key></Contents>"]),
        ("ListObjectsV2", [_AWS_OBJECT.format(1, ""), f"<!-- {_AWS_OBJECT.format(2, '')} -->"]),
        (
            "ListObjectsV2",
            [_AWS_OBJECT.format(1, ""), "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>"],
        ),
        ("ListObjectVersions", [_AWS_VERSION.format(number, "true") for number in range(5)]),
        (
            "ListObjectVersions",
            [f"<DeleteMarker>{_MARKER}</DeleteMarker>", _AWS_VERSION.format(1, "false")] * 2
            + [_AWS_VERSION.format(2, "true")],
        ),
    ],
    ids=["objects", "checksums", "entities", "comment", "folders", "versions", "markers"],
)
@pytest.mark.parametrize("head", ["", '<?xml version="1.0" encoding="UTF-8"?>', "<!-- <Contents> -->"])
def test_a_page_in_the_form_of_aws_has_the_objects_that_botocore_finds(
    operation: str, items: list[str], head: str
) -> None:
    text = (
        f"{head}<Result{_NAMESPACE}><IsTruncated>false</IsTruncated>{''.join(items)}<Name>b</Name></Result>"
    )
    expected = read_by_botocore(operation, text.encode(), 200)
    assert reduce_objects(read_by_client(operation, text.encode())) == reduce_objects(expected)


@pytest.mark.parametrize("encoding", ["", "<EncodingType>url</EncodingType>"])
@pytest.mark.parametrize("owner", ["", "<Owner><ID>1</ID><Other/></Owner>"], ids=["quick", "by elements"])
def test_columns_of_versions_have_decoded_names_and_go_on_where_a_page_says(
    encoding: str, owner: str
) -> None:
    pages = [
        f"<ListVersionsResult>{encoding}<IsTruncated>{more}</IsTruncated><NextKeyMarker>{key}</NextKeyMarker>"
        f"<NextVersionIdMarker>w+w</NextVersionIdMarker><Version><Key>{key}</Key>{owner}"
        "<VersionId>v+v</VersionId><IsLatest>true</IsLatest><ETag>&quot;e&quot;</ETag></Version>"
        "</ListVersionsResult>"
        for key, more in (("a%2Bb+c", "true"), ("b", "false"))
    ]
    client, requests = answering_client(pages)
    found = list(list_version_columns(client, "b", ("Key", "VersionId", "ETag"), Prefix="p"))
    first = "a+b c" if encoding else "a%2Bb+c"
    assert [[*map(list, page)] for page in found] == [[[first], ["v+v"], ["e"]], [["b"], ["v+v"], ["e"]]]
    assert (requests[1]["key-marker"], requests[1]["version-id-marker"]) == (first, "w+w")
    assert {one["prefix"] for one in requests} == {"p"}


@pytest.mark.parametrize("token", ["<NextContinuationToken>1</NextContinuationToken>", ""])
def test_a_listing_that_does_not_go_on_is_an_error_and_no_whole_listing(token: str) -> None:
    page = f"<ListBucketResult><IsTruncated>true</IsTruncated>{token}</ListBucketResult>"
    client, _ = answering_client([page] * 9)
    with pytest.raises(BotoCoreError):
        list(list_object_columns(client, "b", ("Key",)))


def answering_client(pages: list[str]) -> tuple[Any, list[dict[str, Any]]]:
    """Return a client that gets these answers, and the query of each of its requests."""
    client: Any = create_client("us-east-1", access_key=AccessKey("planted-key-id", "planted-secret"))
    requests: list[dict[str, Any]] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        requests.append(dict(parse_qsl(urlsplit(request.url).query)))
        body: Any = Raw(pages[len(requests) - 1].encode())
        return AWSResponse(request.url, 200, HTTPHeaders(), body)

    client.meta.events.register("before-send.s3", answer)
    return client, requests


class Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<ListBucketResult><Contents>", 200),
        (b"", 200),
        (b"no XML", 200),
        (b"<Error><Code>x</Code></Error>", 403),
    ],
)
def test_what_is_no_page_is_left_to_botocore(body: bytes, status: int) -> None:
    def outcome(read: Any) -> Any:
        try:
            return read("ListObjectsV2", body, status)
        except ResponseParserError as error:
            return type(error)

    assert outcome(read_by_client) == outcome(read_by_botocore)
