from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, alter

from cases.log_guard import guard_of_log
from cases.vaults import BUCKET, add, as_secret, aws, both, change, drop, inputs_of

TRAIL, RECORD = "backups-trail-trail", "backups-trail"
GUARD = guard_of_log(RECORD)
MANAGEMENT, DATA = inputs_of(TRAIL)["advancedEventSelectors"]


def objects(*fields: dict[str, Any]) -> Change:
    """Narrow the selector of the vault's objects."""
    return change(
        TRAIL,
        advancedEventSelectors=[MANAGEMENT, {"fieldSelectors": [*DATA["fieldSelectors"], *fields]}],
    )


EXISTING = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/organization"

CASE = Case(
    rule="vault-account-keeps-a-trail",
    at=BUCKET,
    weak=(
        change(TRAIL, isMultiRegionTrail=False),
        change(TRAIL, enableLogging=False),
        change(TRAIL, enableLogFileValidation=False),
        change(TRAIL, includeGlobalServiceEvents=False),
        change(TRAIL, advancedEventSelectors=[DATA]),
        change(
            TRAIL,
            advancedEventSelectors=[
                {
                    "fieldSelectors": [
                        *MANAGEMENT["fieldSelectors"],
                        {"field": "eventSource", "notEquals": ["kms.amazonaws.com"]},
                    ]
                }
            ],
        ),
        change(
            TRAIL,
            advancedEventSelectors=ABSENT,
            eventSelectors=[{"readWriteType": "WriteOnly", "includeManagementEvents": False}],
        ),
        objects({"field": "eventName", "notEquals": ["DeleteObject"]}),
        objects({"field": "eventName", "equals": ["GetObject"]}),
        objects({"field": "readOnly", "equals": ["true"]}),
        objects({"field": "resources.ARN", "notStartsWiths": ["arn:aws:s3:::example-vault-"]}),
        change(TRAIL, s3BucketName="somebody-elses"),
        change(f"{RECORD}-lock", rule__defaultRetention__mode="GOVERNANCE"),
        drop(f"{RECORD}-lock"),
        *GUARD.weak,
        both(
            drop(TRAIL),
            lambda stack: alter(
                stack,
                "backups-alarms-eu-west-1",
                trailArn=EXISTING,
                account="210987654321",
            ),
        ),
    ),
    absent=(
        change(TRAIL, advancedEventSelectors=ABSENT),
        drop(TRAIL),
        change(TRAIL, isMultiRegionTrail=ABSENT),
        change(TRAIL, enableLogFileValidation=ABSENT),
        *GUARD.absent,
    ),
    unknown=(
        change(TRAIL, isMultiRegionTrail=UNKNOWN),
        change(TRAIL, enableLogging=UNKNOWN),
        change(TRAIL, advancedEventSelectors=UNKNOWN),
        change(f"{RECORD}-lock", rule__defaultRetention__mode=UNKNOWN),
        *GUARD.unknown,
    ),
    secret=(as_secret(TRAIL, "isMultiRegionTrail", "advancedEventSelectors", "s3BucketName"),),
    fine=(
        *GUARD.fine,
        objects({"field": "readOnly", "equals": ["false"]}),
        change(TRAIL, enableLogging=ABSENT, includeGlobalServiceEvents=ABSENT),
        add(aws("cloudtrail/trail:Trail", "another", isMultiRegionTrail=False)),
        both(drop(TRAIL), change("backups-alarms-eu-west-1", trailArn=EXISTING)),
    ),
)
