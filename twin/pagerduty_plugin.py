"""The program of the provider plugin `pagerduty`, which takes no parameter: it has a package of its own."""

from twin.bridge_plugin import BridgeStandIn
from twin.provider.schema import load_package
from twin.provider.server import serve

if __name__ == "__main__":
    package = load_package("pagerduty")
    serve(BridgeStandIn(package), package.version)
