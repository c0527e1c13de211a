from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import ARN, REPLICA_ARN, WRITER, allow, as_object, as_secret, change, more, statement

KEYS = "trust/issuer-keys"
DEPLOYER = WRITER.removesuffix("backup-writer") + "deployer"

CASE = Case(
    rule="writer-cannot-record-keys",
    at=WRITER,
    weak=(
        more(f"{WRITER}-policy", **allow("s3:PutObject", f"{ARN}/{KEYS}/*")),
        more(f"{WRITER}-policy", **allow("s3:PutObject", f"{ARN}/tr*")),
        more(f"{WRITER}-policy", **allow("s3:Put*", f"{ARN}/*/issuer-keys/*")),
        more(f"{WRITER}-policy", **allow("s3:PutObject", f"{REPLICA_ARN}/{KEYS}/x.json")),
        more(f"{WRITER}-policy", Effect="Allow", Action="s3:PutObject", NotResource=f"{ARN}/database/*"),
        statement(f"{WRITER}-policy", "AddFiles", Resource=f"{ARN}/*"),
    ),
    absent=(change(f"{WRITER}-policy", policy=ABSENT),),
    unknown=(change(f"{WRITER}-policy", policy=UNKNOWN),),
    secret=(as_secret(f"{WRITER}-policy", "policy"),),
    fine=(
        as_object(f"{WRITER}-policy"),
        more(f"{WRITER}-policy", **allow("s3:GetObject", f"{ARN}/{KEYS}/*")),
        more(f"{DEPLOYER}-policy", **allow("s3:PutObject", f"{ARN}/{KEYS}/*")),
    ),
)
