"""Runs as the plugin `aws`."""

from local.plugins.aws.stand_in import VERSION, AwsStandIn
from local.plugins.base import serve

if __name__ == "__main__":
    serve(AwsStandIn(), VERSION)
