"""The HTTP APIs of the modelled vendors over one store."""

from starlette.routing import BaseRoute, Host, Mount, Router

from twin.host.home import TwinHome
from twin.host.time_scale import TimeScale
from twin.host.tls_proxy import NEON_HOST, RAILWAY_HOST, VERCEL_HOST
from twin.neon import api as neon_api
from twin.neon.model import Neon
from twin.railway import api as railway_api
from twin.railway.model import Railway
from twin.sentry import api as sentry_api
from twin.sentry.model import Sentry
from twin.uptimerobot import api as uptimerobot_api
from twin.uptimerobot.model import UptimeRobot
from twin.uptimerobot.public_page import page_route
from twin.vercel import api as vercel_api
from twin.vercel.model import Vercel


def routes(home: TwinHome, time_scale: TimeScale) -> list[BaseRoute]:
    """Return the APIs' routes: each below its vendor's name, some also at the host of their own API."""
    uptimerobot = UptimeRobot(home)
    neon_routes, railway_routes = neon_api.routes(Neon(home)), railway_api.routes(Railway(home))
    vercel_routes = vercel_api.routes(Vercel(home))
    return [
        Mount("/neon", routes=neon_routes),
        Mount("/railway", routes=railway_routes),
        Mount("/vercel", routes=vercel_routes),
        # The providers of these come through the proxy, each with its constant host.
        Host(NEON_HOST, Router(neon_routes)),
        Host(RAILWAY_HOST, Router(railway_routes)),
        Host(VERCEL_HOST, Router(vercel_routes)),
        Mount(
            "/uptimerobot", routes=[page_route(uptimerobot), *uptimerobot_api.routes(uptimerobot, time_scale)]
        ),
        Mount("/sentry", routes=sentry_api.routes(Sentry(home))),
    ]
