"""Neon's HTTP API v2 over its model. Source of paths, statuses and shapes: neon.com/docs/reference/api."""

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.doors.door import Asked, Door, bearer
from local.vendors.errors import VendorError
from local.vendors.neon import Neon

PREFIX = "/api/v2"


def routes(model: Neon) -> list[Route]:
    door = Door(model, bearer, _refusal)

    def projects(_asked: Asked) -> Response:
        return JSONResponse({"projects": []})

    return [door.route("GET", f"{PREFIX}/projects", projects)]


def _refusal(refused: VendorError) -> dict[str, str]:
    return {"code": "", "message": refused.message}
