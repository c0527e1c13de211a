"""The stand-in for pulumi-aws: S3, KMS and IAM resources, created by real calls to the twin's AWS service."""
