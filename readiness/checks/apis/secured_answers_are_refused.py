"""What the document says needs credentials is refused without them."""

from typing import Final

from core.documents import DocumentError
from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.documented_api import is_safe, list_operations, read_document
from readiness.live_platform import LivePlatform

_REFUSALS: Final = frozenset((401, 403, 404))
_MOST_OPERATIONS: Final = 50


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for service, api in platform.apis.values():
        try:
            document = read_document(platform, f"{service.url}{api.document}")
        except DocumentError as error:
            raise NotApplicableError(f"{service.url} has no document that can be read: {error}") from None
        secured = [
            one for one in list_operations(document) if one.is_secured(document) and is_safe(document, one)
        ]
        for operation in secured[:_MOST_OPERATIONS]:
            address = f"{service.url}{operation.path}"
            status = platform.reader.get(address).status
            seen.measured[f"GET {address} without credentials"] = str(status)
            seen.expect(status in _REFUSALS, f"GET {address} answers {status} without credentials")
    if not seen.measured:
        raise NotApplicableError("no API documents a GET with credentials and without parameters")
    return seen


CHECK: Final = ReadinessCheck(
    id="secured-answers-are-refused",
    title="What needs credentials is refused without them",
    area="security",
    priority="critical",
    looks_at=(
        "Each documented GET with `security` and without required parameters, asked without credentials."
    ),
    risk="Anybody reads what only users or administrators may: a route was left out of the middleware.",
    fix="Put the authentication before the route; refuse by default, and list what is public.",
    controls=(Control.SOC_CC6_1, Control.NIST_AC_3, Control.CIS_3_3),
    look=_look,
)
