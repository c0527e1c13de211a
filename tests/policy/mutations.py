"""Every protection of production, taken away or weakened, one at a time; and the rule that must notice."""

from dataclasses import dataclass
from typing import Any, Final

from weakened_values import GONE, REMOVED, allowing, anyone, but, only, without

SETTINGS: Final = "settings"
"""As a resource: the stack's settings; the field begins with the block."""


DRILLS: Final = "drills"
"""As a resource: what is handed over of the stack's drills; `%s` stands for the project's URN."""


@dataclass(frozen=True)
class Mutation:
    """One change of the program: an argument of a resource, an option of it (`opts.`), or a setting."""

    resource: str
    """Its name; `*` stands for any text, so that one change can be made of several."""

    field: str
    value: Any
    """The weakening; a function makes it from what the program says."""

    rule: str


ARN: Final = "arn:aws:s3:::example-vault-123456789012-eu-west-1"
UNKNOWN_CONTACT: Final = [{"alert_contact_id": "4711", "threshold": 0, "recurrence": 0}]
ROUTES_WITHOUT_ONCALL: Final = {
    "sev1": ["incidents", "operations", "automation"],
    "sev2": ["incidents", "operations", "automation"],
    "sev3": ["incidents", "oncall"],
    "sev4": ["operations"],
}
"""No monitor is of the third level."""

OPERATIONS: Final = 2
"""Where the mail to the watched domain itself stands among the contacts of sev1."""

SSE: Final = "rules.0.apply_server_side_encryption_by_default"
HEADER: Final = "s3:x-amz-server-side-encryption"
GITHUB: Final = "token.actions.githubusercontent.com"

# resource, field, weakening, rule
_TABLE: Final = (
    # Data stores
    ("database-project", "history_retention_seconds", GONE, "store-has-history"),
    (SETTINGS, "database.history_retention_hours", 24, "store-has-history"),
    ("database-project", "history_retention_seconds", 2_592_000, "store-history-fits-plan"),
    (SETTINGS, "database.protect_default_branch", False, "store-branch-is-protected"),
    ("database-project", "opts.protect", False, "store-is-protected"),
    ("backups-vault-bucket", "opts.protect", False, "store-is-protected"),
    ("database-project", "opts.ignore_changes", [], "store-keeps-its-identity"),
    ("database-project", "region_id", GONE, "store-keeps-its-identity"),
    ("job-database", "copies", [], "store-has-independent-backup"),
    ("job-database", "protects", [], "store-has-independent-backup"),
    ("aws-replica", "region", "eu-west-1", "store-has-independent-backup"),
    ("job-database", "schedule", "17 2 * * 1-5", "store-loss-is-within-objective"),
    ("job-files", "latenessMinutes", 121, "store-loss-is-within-objective"),
    ("job-database", "retentionDays", 14, "store-backups-outlast-corruption"),
    (DRILLS, "", '{"stores": {"%s": {"since": "2020-01-01", "passed": null}}}', "store-drill-is-recent"),
    (
        DRILLS,
        "",
        '{"stores": {"%s": {"since": null, "passed": "2020-01-08"}}}',
        "store-drill-is-recent",
    ),
    (DRILLS, "", "", "store-drill-is-recent"),
    ("job-drill", "drills", [], "store-is-drilled"),
    ("job-drill", "schedule", "23 4 1 * *", "store-is-drilled"),
    # Vaults and buckets
    ("backups-vault-versioning", "", REMOVED, "vault-is-versioned"),
    ("backups-vault-lock", "", REMOVED, "vault-is-locked"),
    ("backups-vault-lock", "rule.default_retention.mode", "GOVERNANCE", "vault-is-locked"),
    ("backups-replica-lock", "rule.default_retention.days", 7, "vault-is-locked"),
    ("backups-vault-encryption", f"{SSE}.kms_master_key_id", GONE, "vault-is-encrypted-with-its-own-key"),
    ("backups-vault-encryption", "rules.0.bucket_key_enabled", False, "vault-is-encrypted-with-its-own-key"),
    ("backups-vault-key", "rotation_period_in_days", 2_560, "key-rotates"),
    ("backups-vault-key", "deletion_window_in_days", 7, "key-outlives-a-mistake"),
    ("backups-vault-key", "policy", allowing("kms:Decrypt", "*", Principal="*"), "key-is-governed"),
    ("backups-vault-public-access", "", REMOVED, "bucket-is-closed-to-the-public"),
    ("backups-vault-public-access", "block_public_acls", False, "bucket-is-closed-to-the-public"),
    (
        "backups-vault-policy",
        "policy",
        allowing("s3:GetObject", f"{ARN}/*", Principal="*"),
        "bucket-is-closed-to-the-public",
    ),
    (
        "backups-vault-ownership",
        "rule.object_ownership",
        "ObjectWriter",
        "bucket-ignores-access-control-lists",
    ),
    ("backups-vault-policy", "policy", without("OnlyTls"), "bucket-demands-encrypted-transport"),
    ("backups-vault-access-log-policy", "policy", without("OnlyTls"), "bucket-demands-encrypted-transport"),
    ("backups-vault-policy", "policy", without("OnlyCurrentTls"), "vault-demands-current-tls"),
    ("backups-vault-policy", "policy", without("OnlyDefaultEncryption"), "vault-refuses-other-encryption"),
    ("backups-vault-policy", "policy", without("NoOwnKey"), "vault-refuses-other-encryption"),
    (
        "backups-vault-policy",
        "policy",
        but("OnlyDefaultEncryption", Condition={"StringNotEquals": {HEADER: ["aws:kms", "AES256"]}}),
        "vault-refuses-other-encryption",
    ),
    ("backups-vault-policy", "policy", without("WriterOnlyAdds"), "vault-denies-deletion"),
    ("backups-vault-policy", "policy", but("WriterOnlyAdds", Action="s3:Delete*"), "vault-denies-deletion"),
    ("backups-identity-backup-writer", "name", "example-writer", "vault-denies-deletion"),
    (
        "backups-identity-backup-writer-policy",
        "policy",
        allowing("s3:DeleteObjectVersion", f"{ARN}/*"),
        "writer-cannot-delete",
    ),
    (
        "backups-identity-backup-writer-policy",
        "policy",
        allowing("s3:PutLifecycleConfiguration", ARN),
        "writer-cannot-delete",
    ),
    (
        "backups-identity-backup-writer-policy",
        "policy",
        but("AddOnce", Condition=None),
        "writer-cannot-overwrite",
    ),
    ("backups-vault-lifecycle", "rules.0.status", "Disabled", "vault-expires-every-tier"),
    ("backups-vault-lifecycle", "rules.0.expiration.days", 20, "vault-expires-nothing-early"),
    ("backups-vault-lifecycle", "rules.8.expiration", {"days": 35}, "vault-expires-nothing-early"),
    (
        "backups-vault-lifecycle",
        "rules.6.noncurrent_version_expiration.noncurrent_days",
        7,
        "vault-expires-nothing-early",
    ),
    (
        "backups-vault-lifecycle",
        "rules.8.abort_incomplete_multipart_upload",
        GONE,
        "bucket-cleans-up-aborted-uploads",
    ),
    ("backups-replication", "", REMOVED, "vault-is-replicated"),
    ("backups-replication", "rules.0.filter.prefix", "database/", "vault-is-replicated"),
    ("backups-replication", "rules.0.delete_marker_replication.status", "Enabled", "vault-is-replicated"),
    ("backups-replication", "rules.0.destination.replication_time", GONE, "vault-is-replicated"),
    ("backups-vault-logging", "", REMOVED, "vault-access-is-logged"),
    ("backups-vault-access-log-lifecycle", "rules.0.expiration.days", 30, "vault-access-is-logged"),
    ("backups-vault-bucket", "force_destroy", True, "bucket-is-not-force-destroyed"),
    # Endpoints
    ("example", "endpoints.0.url", "http://api.example.com", "endpoint-is-published"),
    ("example", "endpoints.0.critical", False, "endpoint-is-published"),
    ("uptime-health", "is_paused", True, "endpoint-has-monitor"),
    ("uptime-health", "url", "https://api.example.com/api/version", "endpoint-has-monitor"),
    (SETTINGS, "uptime.interval_seconds", 3_600, "endpoint-monitor-is-fast"),
    ("uptime-health", "keyword_type", "ALERT_EXISTS", "endpoint-monitor-checks-content"),
    (
        "uptime-frontend",
        "success_http_response_codes",
        ["2xx", "4xx"],
        "endpoint-monitor-checks-content",
    ),
    ("uptime-health", "check_ssl_errors", False, "endpoint-monitor-checks-certificate"),
    ("uptime-health", "region_data.regions", ["eu"], "endpoint-monitor-looks-from-several-regions"),
    ("uptime-version", "assigned_alert_contacts", [], "monitor-reaches-someone"),
    ("job-database-heartbeat", "assigned_alert_contacts", UNKNOWN_CONTACT, "monitor-reaches-someone"),
    ("uptime-health", "assigned_alert_contacts", only(OPERATIONS), "monitor-route-is-independent"),
    ("errors-health", "enabled", False, "endpoint-has-second-prober"),
    ("errors-health", "interval_seconds", 3_600, "endpoint-has-second-prober"),
    ("job-database-heartbeat", "", REMOVED, "job-has-heartbeat"),
    ("job-files-heartbeat", "is_paused", True, "job-has-heartbeat"),
    ("job-database-heartbeat", "interval", 604_800, "heartbeat-matches-its-job"),
    ("uptime-maintenance", "duration", 240, "maintenance-window-is-short"),
    # Errors
    ("errors", "services", ["backend", "frontend", "worker"], "service-has-error-project"),
    ("errors-backend-new-alert", "", REMOVED, "error-project-has-alerts"),
    ("errors-backend-project", "default_key", True, "error-project-has-key"),
    ("errors-backend-key", "rate_limit_count", 0, "error-key-has-rate-limit"),
    (SETTINGS, "errors.services.backend.events_per_minute", 60_000, "error-key-has-rate-limit"),
    ("errors-backend-spike-protection", "enabled", False, "error-project-has-spike-protection"),
    ("errors-backend-ownership", "", REMOVED, "error-project-has-owner"),
    ("errors-backend-frequent-alert", "enabled", GONE, "alert-reaches-someone"),
    ("job-database-alert", "", REMOVED, "sentry-monitor-has-alert"),
    ("job-drill-cron", "enabled", False, "job-has-cron-monitor"),
    ("job-database-cron", "schedule.crontab", "17 2 * * 1", "cron-monitor-matches-its-job"),
    # Identity and secrets
    (
        "backups-identity-deployer",
        "assume_role_policy",
        but("", Condition={"StringLike": {f"{GITHUB}:sub": "repo:example/platform:*"}}),
        "role-trusts-one-workload",
    ),
    (
        "backups-identity-backup-writer",
        "assume_role_policy",
        but("", Principal="*", Action="sts:AssumeRole", Condition=None),
        "role-trusts-one-workload",
    ),
    ("backups-replicator", "assume_role_policy", but("", Condition=None), "service-role-is-bound-to-account"),
    (
        "backups-identity-deployer",
        "assume_role_policy",
        but("", Principal={"AWS": "210987654321"}, Action="sts:AssumeRole", Condition=None),
        "account-trust-is-conditional",
    ),
    ("backups-identity-deployer-policy", "policy", allowing("s3:*", ARN), "policy-names-its-actions"),
    (
        "backups-identity-backup-restorer-policy",
        "policy",
        allowing("s3:GetObject", "*"),
        "policy-names-its-resources",
    ),
    (
        "backups-identity-backup-restorer-policy",
        "policy",
        but("Decrypt1", Condition=None),
        "policy-names-its-resources",
    ),
    (
        "backups-identity-deployer-policy",
        "policy",
        allowing("iam:PutRolePolicy", "arn:aws:iam::123456789012:role/example-*"),
        "role-cannot-widen-itself",
    ),
    ("backups-identity-deployer", "max_session_duration", 43_200, "role-session-is-short"),
    ("neon", "api_key", anyone("n4pi"), "secret-is-marked"),
    (
        "alerting-automation",
        "post_value",
        "postgresql://owner:word@example.com/a",
        "nothing-looks-like-a-secret",
    ),
    ("errors-backend-key", "opts.additional_secret_outputs", [], "secret-outputs-are-marked"),
    ("aws", "allowed_account_ids", GONE, "provider-is-bound-to-account"),
    ("aws-replica", "default_tags", GONE, "provider-tags-everything"),
    # Orphans
    ("job-database", "protects", ["urn:pulumi:prod::bulwark::x:y:Z::gone"], "job-protects-something"),
    ("uptime-version", "url", "https://old.example.com/api/version", "monitor-watches-something"),
    ("uptime-version", "is_paused", True, "monitor-watches-something"),
    ("errors-down-alert", "monitor_ids", [], "alert-listens-to-something"),
    (SETTINGS, "alerting.routes", ROUTES_WITHOUT_ONCALL, "contact-is-told"),
    ("alerting-operations", "is_active", False, "contact-is-told"),
    ("alerting-oncall", "enable_notifications_for", 4, "contact-is-told"),
    ("job-*", "copies", [], "vault-is-filled"),
)

MUTATIONS: Final = tuple(Mutation(*entry) for entry in _TABLE)
