from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import ARN, POLICY, WRITER, allow, as_secret, both, change, more, statement

NEW_ONLY = "s3:if-none-match"
PARTS = "s3:ObjectCreationOperation"

CASE = Case(
    rule="writer-cannot-overwrite",
    at=WRITER,
    weak=(
        statement(f"{WRITER}-policy", "AddOnce", Condition={"Null": {NEW_ONLY: "true"}}),
        statement(f"{WRITER}-policy", "AddParts", Condition={"Bool": {PARTS: "true"}}),
        statement(f"{WRITER}-policy", "AddFiles", Resource=f"{ARN}/*"),
        statement(f"{WRITER}-policy", "AddFiles", Resource=f"{ARN}/file*"),
        more(f"{WRITER}-policy", **allow("s3:Put*", f"{ARN}/database/*")),
        more(f"{WRITER}-policy", Effect="Allow", Action="s3:PutObject", NotResource=f"{ARN}/database/*"),
        more("backups-identity-planner-policy", **allow("s3:PutObject", f"{ARN}/files/*")),
        both(
            statement(f"{WRITER}-policy", "AddOnce", Condition=ABSENT),
            more(
                POLICY,
                Effect="Deny",
                Principal="*",
                Action="s3:PutObject",
                Resource=f"{ARN}/state/*",
                Condition={"Null": {NEW_ONLY: "true"}},
            ),
        ),
    ),
    absent=(
        statement(f"{WRITER}-policy", "AddOnce", Condition=ABSENT),
        statement(f"{WRITER}-policy", "AddParts", Condition=ABSENT),
    ),
    unknown=(change(f"{WRITER}-policy", policy=UNKNOWN),),
    secret=(as_secret(f"{WRITER}-policy", "policy"),),
    fine=(
        statement(f"{WRITER}-policy", "AddFiles", Resource=f"{ARN}/files/documents/*"),
        # The bucket itself asks every writer.
        both(
            statement(f"{WRITER}-policy", "AddOnce", Condition=ABSENT),
            more(
                POLICY,
                Effect="Deny",
                Principal="*",
                Action="s3:PutObject",
                Resource=f"{ARN}/*",
                Condition={"Null": {NEW_ONLY: "true"}, "Bool": {PARTS: "true"}},
            ),
        ),
    ),
)
