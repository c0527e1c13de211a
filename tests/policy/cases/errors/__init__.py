"""The rules about errors, and about Sentry's monitors."""

PROJECT, NEW, REGRESSED = (
    "errors-backend-project",
    "errors-backend-new-alert",
    "errors-backend-regressed-alert",
)
KEY, PROTECTION, OWNERSHIP = (
    "errors-backend-key",
    "errors-backend-spike-protection",
    "errors-backend-ownership",
)
DOWN, CRON, CRON_ALERT = "errors-backend-check-health-alert", "job-database-cron", "job-database-alert"
ALL_THREE = [{"firstSeenEvent": {}}, {"regressionEvent": {}}, {"reappearedEvent": {}}]
