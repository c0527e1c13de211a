from typing import Any

from case import Case, Change
from policy_harness import UNKNOWN, alter, secret

AWS = "aws-primary"


def endpoints(text: Any) -> Change:
    return lambda s: alter(s, AWS, endpoints=text)


CASE = Case(
    rule="provider-reaches-its-vendor",
    at=AWS,
    weak=(
        endpoints('[{"s3": "https://s3.example.net"}]'),
        endpoints('[{"kms": "http://kms.eu-west-1.amazonaws.com"}]'),
        endpoints('[{"kms": "https://kms.eu-west-1.amazonaws.com.example.net"}]'),
        endpoints('[{"s3": "https://s3.eu-west-1.amazonaws.com"}, {"sts": "https://192.0.2.1"}]'),
        lambda s: alter(s, AWS, insecure="true"),
        lambda s: alter(s, AWS, insecure=True),
        lambda s: alter(s, AWS, skipRequestingAccountId="true"),
    ),
    absent=(endpoints('[{"s3": "//s3.eu-west-1.amazonaws.com"}]'),),
    unknown=(
        endpoints(UNKNOWN),
        lambda s: alter(s, AWS, insecure=UNKNOWN),
        lambda s: alter(s, AWS, skipRequestingAccountId=UNKNOWN),
    ),
    secret=(endpoints(secret('[{"s3": "https://s3.eu-west-1.amazonaws.com"}]')),),
    fine=(
        endpoints('[{"s3": "https://bucket.vpce-1a2b3c.s3.eu-west-1.vpce.amazonaws.com"}]'),
        lambda s: alter(s, AWS, insecure="false"),
        lambda s: alter(s, "sentry", baseUrl="https://sentry.example.com/api/"),
    ),
)
