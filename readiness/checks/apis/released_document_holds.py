"""No change breaks clients of the last release."""

from typing import Any, Final

from core.documents import DocumentError, parse_json, read_file
from core.failure import Failure
from policies.framework.controls import Control
from readiness.breaking_changes import find_breaking_changes
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.documented_api import list_operations, read_document
from readiness.http_reader import MAX_BODY_BYTES
from readiness.live_platform import LivePlatform

_NEXT: Final = "save the OpenAPI document of the last release there, or leave out `api.released`."


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for service, api in platform.apis.values():
        if not api.released:
            continue
        released = _read_released(platform, api.released)
        address = f"{service.url}{api.document}"
        try:
            document = read_document(platform, address)
        except DocumentError as error:
            raise NotApplicableError(f"{address} is no document that can be read: {error}") from None
        changes = find_breaking_changes(released, document)
        seen.measured[f"{address} since {api.released}"] = (
            f"{len(list_operations(released))} operations compared, {len(changes)} changes break clients"
        )
        seen.problems += [f"{address}: {change}" for change in changes]
    if not seen.measured:
        raise NotApplicableError("no API names the document of its last release (`api.released`)")
    return seen


def _read_released(platform: LivePlatform, name: str) -> dict[str, Any]:
    try:
        parsed = parse_json(
            read_file(platform.checkout / name, max_bytes=MAX_BODY_BYTES), max_bytes=MAX_BODY_BYTES
        )
    except FileNotFoundError:
        raise Failure(f"The repository has no file {name}, which `api.released` names.", _NEXT) from None
    except (OSError, DocumentError) as error:
        raise Failure(f"{name}, which `api.released` names, can't be read: {error}.", _NEXT) from None
    if not isinstance(parsed, dict):
        raise Failure(f"{name}, which `api.released` names, is no JSON object.", _NEXT)
    return parsed


CHECK: Final = ReadinessCheck(
    id="released-document-holds",
    title="No change breaks clients of the last release",
    area="documentation",
    priority="high",
    looks_at=(
        "The live OpenAPI document beside that of the last release (`api.released`): operations, "
        "parameters and fields that are gone, new demands, other types."
    ),
    risk=(
        "Clients that nobody can update break with the deployment: apps in a store, integrations of "
        "customers."
    ),
    fix=(
        "Keep the old form beside the new one until its clients are gone, or release a new version of "
        "the API."
    ),
    controls=(Control.NIST_CM_3, Control.SOC_CC8_1),
    look=_look,
)
