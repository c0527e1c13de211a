from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import BUCKET, VAULT, WRITER, change, drop, more, no_statement, statement

KEY, ALIAS = f"{VAULT}-key", f"{VAULT}-key-alias"
USE = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*"}

CASE = Case(
    rule="key-is-usable",
    at=BUCKET,
    weak=(
        change(KEY, isEnabled=False),
        change(KEY, keyUsage="SIGN_VERIFY"),
        change(KEY, customerMasterKeySpec="RSA_2048"),
        change(KEY, customKeyStoreId="cks-1234567890abcdef0"),
        change(KEY, xksKeyId="outside"),
        change(ALIAS, targetKeyId="0f4b1a43-0000-4000-8000-000000000000"),
        change(ALIAS, name="alias/other"),
        drop(ALIAS),
        no_statement(KEY, "AccountAdministers"),
        more(KEY, Effect="Deny", Principal="*", Action="kms:Decrypt", Resource="*"),
        more(
            KEY,
            Effect="Deny",
            Principal="*",
            Action="kms:GenerateDataKey",
            Resource="*",
            Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/example-backup-*"}},
        ),
        statement(f"{WRITER}-policy", "Encrypt", Action="kms:Encrypt"),
    ),
    absent=(change(KEY, policy=ABSENT),),
    unknown=(change(KEY, isEnabled=UNKNOWN), change(KEY, keyUsage=UNKNOWN)),
    secret=(change(KEY, isEnabled=secret(value=True)),),
    fine=(
        change(KEY, isEnabled=True, keyUsage="ENCRYPT_DECRYPT", customerMasterKeySpec="SYMMETRIC_DEFAULT"),
        more(KEY, **USE, Resource="*"),
    ),
)
