"""What an S3 service answers with an error is not trusted: neither its elements nor their number."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import RestXMLParser

from core.failure import Failure
from recovery.vault.client import error_code, explain_errors


@pytest.mark.parametrize(
    "elements",
    ["", "<Code/><Message/>", "<Code>a</Code><Code>b</Code>", "<Code><x/></Code><Message><y>z</y></Message>"],
)
def test_an_error_without_a_code_or_with_odd_ones_is_a_failure(elements: str) -> None:
    body = f"<Error>{elements}</Error>".encode()
    parser: Any = RestXMLParser()
    response = parser.parse({"body": body, "headers": {}, "status_code": 400}, None)
    error = ClientError(response, "PutObject")
    assert isinstance(error_code(error), str)
    with pytest.raises(Failure, match="storing it"), explain_errors("storing it"):
        raise error
