"""The program of the provider plugin `aws`."""

from twin.aws.provider.stand_in import VERSION, AwsStandIn
from twin.provider.server import serve

if __name__ == "__main__":
    serve(AwsStandIn(), VERSION)
