"""How an object is written: once, or as another version; and what is told with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class Writing:
    """`ONCE` is for all but the copies of files, which change with their originals."""

    once: bool = True
    """Whether the key must be free; else what lies there becomes an older version."""

    headers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Such as ContentType, by boto3's names."""

    metadata: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def condition(self) -> dict[str, Any]:
        """Return the parameter that makes S3 refuse a key that is taken."""
        return {"IfNoneMatch": "*"} if self.once else {}


ONCE: Final = Writing()
_KEPT: Final = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")


def told_with(answer: Mapping[str, Any]) -> Writing:
    """Return how to write another copy of what S3 has answered with; as another version, if one is there."""
    return Writing(
        once=False,
        headers={header: answer[header] for header in _KEPT if answer.get(header)},
        # botocore takes ASCII alone.
        metadata={name: text for name, text in answer.get("Metadata", {}).items() if text.isascii()},
    )
