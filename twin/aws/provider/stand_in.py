"""The stand-in for the AWS provider: its resource types, functions and configuration."""

from http import HTTPStatus

from twin.aws.provider.account import Account
from twin.aws.provider.bucket import S3Bucket
from twin.aws.provider.bucket_policy import BucketPolicy
from twin.aws.provider.bucket_settings import (
    BucketLogging,
    BucketObjectLockConfiguration,
    BucketOwnershipControls,
    BucketPublicAccessBlock,
    BucketServerSideEncryptionConfiguration,
    BucketVersioning,
)
from twin.aws.provider.event_rules import EventRule, EventTarget
from twin.aws.provider.keys import Alias, Key
from twin.aws.provider.lifecycle import BucketLifecycleConfiguration
from twin.aws.provider.managed_policies import ManagedPolicy
from twin.aws.provider.replication import BucketReplicationConfig
from twin.aws.provider.resource_type import AwsResource
from twin.aws.provider.role_policy_lists import RolePoliciesExclusive, RolePolicyAttachmentsExclusive
from twin.aws.provider.roles import IamRole, OpenIdConnectProvider, RolePolicy
from twin.aws.provider.secrets import ManagedSecret, ManagedSecretVersion
from twin.aws.provider.topics import SnsTopic, SnsTopicSubscription
from twin.aws.provider.trails import CloudTrailTrail
from twin.provider.server import ResourceType, StandIn, StandInError
from twin.provider.values import Properties
from twin.vendor.faults import Fault

VERSION = "7.51.1"

_RESOURCE_TYPES: dict[str, type[AwsResource]] = {
    "aws:cloudtrail/trail:Trail": CloudTrailTrail,
    "aws:cloudwatch/eventRule:EventRule": EventRule,
    "aws:cloudwatch/eventTarget:EventTarget": EventTarget,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": OpenIdConnectProvider,
    "aws:iam/policy:Policy": ManagedPolicy,
    "aws:iam/role:Role": IamRole,
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive": RolePoliciesExclusive,
    "aws:iam/rolePolicy:RolePolicy": RolePolicy,
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": RolePolicyAttachmentsExclusive,
    "aws:kms/alias:Alias": Alias,
    "aws:kms/key:Key": Key,
    "aws:s3/bucket:Bucket": S3Bucket,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": BucketLifecycleConfiguration,
    "aws:s3/bucketLogging:BucketLogging": BucketLogging,
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": BucketObjectLockConfiguration,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": BucketOwnershipControls,
    "aws:s3/bucketPolicy:BucketPolicy": BucketPolicy,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": BucketPublicAccessBlock,
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": BucketReplicationConfig,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        BucketServerSideEncryptionConfiguration
    ),
    "aws:s3/bucketVersioning:BucketVersioning": BucketVersioning,
    "aws:secretsmanager/secret:Secret": ManagedSecret,
    "aws:secretsmanager/secretVersion:SecretVersion": ManagedSecretVersion,
    "aws:sns/topic:Topic": SnsTopic,
    "aws:sns/topicSubscription:TopicSubscription": SnsTopicSubscription,
}


class AwsStandIn(StandIn):
    """The AWS provider of the twin; each explicit provider runs in a process of its own."""

    def __init__(self) -> None:
        self._account: Account | None = None

    def parameterize(self, value: bytes) -> tuple[str, str]:  # noqa: ARG002 - part of the protocol
        raise StandInError("The aws provider takes no parameter.")

    def configure(self, configuration: Properties) -> None:
        self._account = Account(configuration)

    def resource_type(self, token: str) -> ResourceType:
        resource_type = _RESOURCE_TYPES.get(token)
        if resource_type is None:
            raise StandInError(f"The twin's aws has no resource type {token}.")
        return resource_type(self.account)

    def invoke(self, token: str, arguments: Properties) -> Properties:
        account = self.account
        match token:
            case "aws:index/getCallerIdentity:getCallerIdentity":
                arn = f"arn:aws:sts::{account.id}:assumed-role/twin/twin"
                return {"accountId": account.id, "arn": arn, "id": account.id, "userId": "AIDATWIN"}
            case "aws:index/getRegion:getRegion":
                region = arguments.get("region") or account.region
                endpoint = f"ec2.{region}.amazonaws.com"
                return {
                    "id": region,
                    "name": region,
                    "region": region,
                    "endpoint": endpoint,
                    "description": region,
                }
            case _:
                raise StandInError(f"The twin's aws has no function {token}.")

    def take_fault(self, token: str) -> Fault | None:
        return self.account.creations.take_fault(token)

    def repeats_creation(self, token: str, status: int) -> bool:  # noqa: ARG002 - AWS's SDK repeats every call
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def account(self) -> Account:
        if self._account is None:
            raise StandInError("The aws provider is not configured.")
        return self._account
