"""A role of the twin's AWS that reads a bucket, and the credentials of its sessions."""

import json
from typing import Any

from aws_twin import CLIENTS, Service
from botocore import UNSIGNED
from botocore.config import Config

from twin.aws.issuer import AUDIENCE, ISSUER, issue_token

SUBJECT = "repo:example@123456/platform@456789:environment:restore"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
READ = {"Effect": "Allow", "Action": ["s3:GetObject", "kms:Decrypt"], "Resource": "*"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def create_role_and_bucket(service: Service) -> None:
    """Create a role that reads, and a bucket `vault` with an object `a` to be read."""
    iam, s3 = service.client("iam"), service.client("s3")
    provider = iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=[AUDIENCE])
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER.removeprefix('https://')}:sub": SUBJECT}},
    }
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(READ))
    s3.create_bucket(Bucket="vault")
    s3.put_object(Bucket="vault", Key="a", Body=b"content")


def session(service: Service, **changed: str) -> dict[str, str]:
    """Return the credentials of a session of the role."""
    sts = client(service, "sts", {}, signature_version=UNSIGNED)
    given = sts.assume_role_with_web_identity(
        RoleArn=ROLE,
        RoleSessionName="job",
        WebIdentityToken=issue_token(service.home, subject=SUBJECT),
    )
    return {**read_credentials(given), **changed}


def read_credentials(response: dict[str, Any]) -> dict[str, str]:
    """Return what a client takes of the credentials in a response of STS."""
    given = response["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def client(service: Service, name: str, credentials: dict[str, Any], **config: Any) -> Any:
    return CLIENTS.create_client(
        name,
        region_name="us-east-1",
        endpoint_url=service.url,
        config=Config(
            retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}, **config
        ),
        **credentials,
    )
