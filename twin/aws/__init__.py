"""The twin's AWS account: moto's server for S3, KMS, IAM and STS, made durable."""
