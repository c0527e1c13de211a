"""Pages of S3's listings are read as botocore reads them."""

from typing import Any

import botocore.session
import pytest
from botocore.parsers import ResponseParserError, create_parser

from recovery.vault.client import AccessKey, create_client

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
