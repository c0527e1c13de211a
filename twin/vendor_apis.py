"""The HTTP APIs of the modelled vendors: Neon, UptimeRobot and Sentry over one store."""

from starlette.routing import BaseRoute, Host, Mount, Router

from twin.host.home import TwinHome
from twin.host.time_scale import TimeScale
from twin.host.tls_proxy import HOST
from twin.neon import api as neon_api
from twin.neon.model import Neon
from twin.sentry import api as sentry_api
from twin.sentry.model import Sentry
from twin.uptimerobot import api as uptimerobot_api
from twin.uptimerobot.model import UptimeRobot
from twin.uptimerobot.public_page import page_route


def routes(home: TwinHome, time_scale: TimeScale) -> list[BaseRoute]:
    """Return the APIs' routes: each below its vendor's name, Neon's also at the host of its own API."""
    neon_routes, uptimerobot = neon_api.routes(Neon(home)), UptimeRobot(home)
    return [
        Mount("/neon", routes=neon_routes),
        # Neon's provider comes through the proxy, with its constant host.
        Host(HOST, Router(neon_routes)),
        Mount(
            "/uptimerobot", routes=[page_route(uptimerobot), *uptimerobot_api.routes(uptimerobot, time_scale)]
        ),
        Mount("/sentry", routes=sentry_api.routes(Sentry(home))),
    ]
