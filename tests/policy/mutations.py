"""Every protection of production, taken away or weakened; and the rule that must notice, and where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from weakened_values import GONE, REMOVED, allowed, allowing, anyone, but, given, only, without

SETTINGS: Final = "settings"
"""As a resource: the stack's settings; the field begins with the block."""


DRILLS: Final = "drills"
"""As a resource: what is handed over of the stack's drills; `%s` stands for the project's URN."""


def tell(stores: str = "{}", readiness: str = '{"since": null, "passed": null}') -> str:
    """Return what is handed over of drills and readiness, by default that of a first deployment."""
    return f'{{"stores": {stores}, "readiness": {readiness}}}'


@dataclass(frozen=True)
class Mutation:
    """One change of the program: an argument of a resource, an option of it (`opts.`), or a setting."""

    resource: str
    """Its name; `*` stands for any text, so that one change can be made of several."""

    field: str
    value: Any
    """The weakening; a function makes it from what the program says."""

    rule: str
    at: str
    """Name of the resource that the rule must refuse."""

    also: frozenset[str] = frozenset()
    """Rules that refuse it besides: nothing less would."""

    @property
    def rules(self) -> frozenset[str]:
        """All rules that refuse it when it is alone."""
        return self.also | {self.rule}

    @property
    def touched(self) -> tuple[str, ...]:
        """Names of the resources that it changes; `*` stands for any text."""
        if self.resource == SETTINGS:
            return _MADE_FROM[self.field.partition(".")[0]]
        return (self.resource,)


_MADE_FROM: Final = {
    "alerting": ("alerting-*", "errors-*", "job-*", "oncall-*", "uptime-*"),
    "stores": ("database-*",),
    "errors": ("errors-*",),
    "services": ("errors-*", "host-*", "uptime-*"),
    "uptime": ("uptime-*",),
}
"""Block of the settings -> the resources."""

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
PRINCIPAL: Final = "aws:PrincipalArn"
ROLE: Final = "arn:aws:iam::123456789012:role/example"
HEADER: Final = "s3:x-amz-server-side-encryption"
GITHUB: Final = "token.actions.githubusercontent.com"

_TABLE: Final = {
    # Data stores
    ("store-has-history", "database-project"): (
        ("database-project", "history_retention_seconds", GONE, "store-history-fits-plan"),
        (SETTINGS, "stores.database.history_retention_hours", 24),
    ),
    ("store-history-fits-plan", "database-project"): (
        ("database-project", "history_retention_seconds", 2_592_000),
    ),
    ("store-quota-leaves-room", "database-project"): (
        (SETTINGS, "stores.database.quota.compute_hours", 500),
        ("database-project", "default_endpoint_settings.autoscaling_limit_max_cu", 8),
    ),
    ("store-branch-is-protected", "database-project"): (
        (SETTINGS, "stores.database.protect_default_branch", False),
    ),
    ("store-is-protected", "database-project"): (("database-project", "opts.protect", False),),
    ("store-is-protected", "backups-vault-bucket"): (("backups-vault-bucket", "opts.protect", False),),
    ("store-keeps-its-identity", "database-project"): (
        ("database-project", "opts.ignore_changes", []),
        ("database-project", "region_id", GONE),
    ),
    ("store-has-independent-backup", "database-project"): (
        ("job-database", "copies", []),
        (
            "job-database",
            "protects",
            [],
            "job-protects-something",
        ),
    ),
    ("store-has-independent-backup", "backups-replica-bucket"): (
        (
            "aws-replica",
            "region",
            "eu-west-1",
            "key-is-usable",
            "replicator-can-copy",
            "vault-account-keeps-a-trail",
            "vault-is-replicated",
            "vault-raises-alarms",
        ),
        (
            "backups-replica-key",
            "policy",
            but("OnlyBreakGlass", Effect="Allow", Principal={"AWS": "123456789012"}, Condition=None),
            "key-is-governed",
            "key-is-guarded",
            "vault-is-replicated",
        ),
    ),
    ("store-has-copy-elsewhere", "database-project"): (
        ("job-elsewhere", "mirrors", [], "job-protects-something"),
        ("elsewhere", "lockDays", 7),
        ("elsewhere", "encryptedTo", []),
    ),
    ("store-loss-is-within-objective", "database-project"): (
        (
            "job-database",
            "schedule",
            "17 2 * * 1-5",
            "cron-monitor-matches-its-job",
            "heartbeat-matches-its-job",
        ),
    ),
    ("store-loss-is-within-objective", "files"): (
        ("job-files", "latenessMinutes", 121, "cron-monitor-matches-its-job", "heartbeat-matches-its-job"),
    ),
    ("store-backups-outlast-corruption", "database-project"): (("job-database", "retentionDays", 14),),
    ("store-drill-is-recent", "database-project"): (
        (
            DRILLS,
            "",
            tell('{"%s": {"since": "2020-01-01", "passed": null, "proven": null}}'),
            "store-proof-is-recent",
        ),
        (DRILLS, "", tell('{"%s": {"since": null, "passed": "2020-01-08", "proven": null}}')),
        (DRILLS, "", "", "store-proof-is-recent", "readiness-is-recent"),
    ),
    ("store-proof-is-recent", "database-project"): (
        (DRILLS, "", tell('{"%s": {"since": null, "passed": null, "proven": "2020-01-08"}}')),
    ),
    ("store-is-proven", "database-project"): (
        ("job-proof", "proves", [], "job-protects-something"),
        ("job-proof", "latenessMinutes", 301, "cron-monitor-matches-its-job", "heartbeat-matches-its-job"),
    ),
    ("valueless-store-is-explained", "example"): (("example", "holdsNothing", ["everything"]),),
    ("store-is-drilled", "database-project"): (
        ("job-drill", "drills", [], "job-protects-something"),
        ("job-drill", "schedule", "23 4 1 * *", "cron-monitor-matches-its-job", "heartbeat-matches-its-job"),
    ),
    # Vaults and buckets
    ("vault-is-versioned", "backups-vault-bucket"): (
        ("backups-vault-versioning", "", REMOVED, "store-has-history"),
    ),
    ("vault-is-locked", "backups-vault-bucket"): (
        ("backups-vault-lock", "", REMOVED),
        ("backups-vault-lock", "rule.default_retention.mode", "GOVERNANCE"),
    ),
    ("vault-is-locked", "backups-replica-bucket"): (
        ("backups-replica-lock", "rule.default_retention.days", 7),
    ),
    ("vault-is-encrypted-with-its-own-key", "backups-vault-bucket"): (
        ("backups-vault-encryption", f"{SSE}.kms_master_key_id", GONE),
        ("backups-vault-encryption", "rules.0.bucket_key_enabled", False),
    ),
    ("key-rotates", "backups-vault-key"): (("backups-vault-key", "rotation_period_in_days", 2_560),),
    ("key-outlives-a-mistake", "backups-vault-key"): (("backups-vault-key", "deletion_window_in_days", 7),),
    ("key-is-governed", "backups-vault-key"): (
        ("backups-vault-key", "policy", allowing("kms:Decrypt", "*", Principal="*")),
    ),
    ("bucket-is-closed-to-the-public", "backups-vault-bucket"): (
        ("backups-vault-public-access", "", REMOVED),
        ("backups-vault-public-access", "block_public_acls", False),
        ("backups-vault-policy", "policy", allowing("s3:GetObject", f"{ARN}/*", Principal="*")),
    ),
    ("bucket-ignores-access-control-lists", "backups-vault-bucket"): (
        ("backups-vault-ownership", "rule.object_ownership", "ObjectWriter"),
    ),
    ("bucket-demands-encrypted-transport", "backups-vault-bucket"): (
        ("backups-vault-policy", "policy", without("OnlyTls")),
    ),
    ("bucket-demands-encrypted-transport", "backups-vault-access-log-bucket"): (
        ("backups-vault-access-log-policy", "policy", without("OnlyTls")),
    ),
    ("vault-demands-current-tls", "backups-vault-bucket"): (
        ("backups-vault-policy", "policy", without("OnlyCurrentTls")),
    ),
    ("vault-refuses-other-encryption", "backups-vault-bucket"): (
        ("backups-vault-policy", "policy", without("OnlyDefaultEncryption")),
        ("backups-vault-policy", "policy", without("NoOwnKey")),
        (
            "backups-vault-policy",
            "policy",
            but("OnlyDefaultEncryption", Condition={"StringNotEquals": {HEADER: ["aws:kms", "AES256"]}}),
        ),
    ),
    ("vault-denies-deletion", "backups-vault-bucket"): (
        ("backups-vault-policy", "policy", without("OnlyBreakGlass"), "vault-is-guarded"),
        ("backups-vault-policy", "policy", but("OnlyBreakGlass", Action="s3:Delete*"), "vault-is-guarded"),
    ),
    ("vault-denies-deletion", "backups-replica-bucket"): (
        (
            "backups-replica-policy",
            "policy",
            but(
                "OnlyBreakGlass",
                Condition={"ArnNotLike": {PRINCIPAL: "arn:*:role/example-backup-*"}},
            ),
            "vault-is-guarded",
        ),
    ),
    ("vault-is-guarded", "backups-vault-bucket"): (
        (
            "backups-vault-policy",
            "policy",
            but("OnlyBreakGlass", Condition={"ArnNotEquals": {PRINCIPAL: f"{ROLE}-deployer"}}),
        ),
    ),
    ("key-is-guarded", "backups-vault-key"): (
        ("backups-vault-key", "policy", without("OnlyBreakGlass"), "key-is-governed"),
        (
            "backups-vault-key",
            "policy",
            but("OnlyBreakGlass", Condition={"ArnNotEquals": {PRINCIPAL: f"{ROLE}-planner"}}),
        ),
        (
            "backups-vault-key",
            "policy",
            but("OnlyBreakGlass", Action="kms:ScheduleKeyDeletion"),
            "key-is-governed",
        ),
        (
            "backups-administration-break-glass",
            "assume_role_policy",
            but("", Condition=None),
            "vault-is-guarded",
            "vault-raises-alarms",
            "vault-role-trusts-named-principals",
        ),
        (
            "backups-identity-deployer-policy",
            "policy",
            allowing("kms:PutKeyPolicy", "arn:aws:kms:eu-west-1:123456789012:key/1"),
        ),
    ),
    ("writer-cannot-delete", "backups-identity-backup-writer"): (
        ("backups-identity-backup-writer-policy", "policy", allowing("s3:DeleteObjectVersion", f"{ARN}/*")),
        ("backups-identity-backup-writer-policy", "policy", allowing("s3:PutLifecycleConfiguration", ARN)),
    ),
    ("writer-cannot-overwrite", "backups-identity-backup-writer"): (
        ("backups-identity-backup-writer-policy", "policy", but("AddOnce", Condition=None)),
    ),
    ("writer-cannot-record-keys", "backups-identity-backup-writer"): (
        (
            "backups-identity-backup-writer-policy",
            "policy",
            allowing("s3:PutObject", f"{ARN}/trust/*"),
            "writer-cannot-overwrite",
        ),
    ),
    ("vault-expires-every-tier", "backups-vault-bucket"): (
        ("backups-vault-lifecycle", "rules.0.status", "Disabled"),
    ),
    ("vault-expires-nothing-early", "backups-vault-bucket"): (
        ("backups-vault-lifecycle", "rules.0.expiration.days", 20),
        ("backups-vault-lifecycle", "rules.8.expiration", {"days": 35}),
        ("backups-vault-lifecycle", "rules.6.noncurrent_version_expiration.noncurrent_days", 7),
    ),
    ("bucket-cleans-up-aborted-uploads", "backups-vault-bucket"): (
        ("backups-vault-lifecycle", "rules.8.abort_incomplete_multipart_upload", GONE),
    ),
    ("vault-is-replicated", "backups-replica-bucket"): (
        ("backups-replication", "", REMOVED, "store-has-independent-backup"),
        ("backups-replication", "rules.0.filter.prefix", "database/", "store-has-independent-backup"),
        ("backups-replication", "rules.0.delete_marker_replication.status", "Enabled"),
        (
            "backups-replication",
            "rules.0.destination.replication_time",
            GONE,
            "store-loss-is-within-objective",
        ),
    ),
    ("replicator-can-copy", "backups-vault-bucket"): (
        ("backups-replicator-policy", "policy", but("ReadVersions", Resource=f"{ARN}/database/*")),
        ("backups-replica-key", "policy", without("ReplicationEncrypts")),
    ),
    ("vault-is-read-in-time", "backups-replica-bucket"): (
        ("backups-replication", "rules.0.destination.storage_class", "DEEP_ARCHIVE"),
    ),
    ("key-is-usable", "backups-vault-bucket"): (("backups-vault-key", "is_enabled", False),),
    ("vault-account-keeps-a-trail", "backups-vault-bucket"): (
        ("backups-trail-trail", "is_multi_region_trail", False),
        ("backups-trail-trail", "enable_log_file_validation", False),
        ("backups-trail-lock", "rule.default_retention.mode", "GOVERNANCE"),
        ("backups-trail-policy", "policy", without("OnlyBreakGlass")),
    ),
    ("vault-raises-alarms", "backups-vault-bucket"): (
        ("backups-alarms-eu-west-1-losses", "state", "DISABLED"),
        ("backups-alarms-us-east-1-watch", "event_pattern", '{"source": ["aws.ec2"]}'),
        ("backups-alarms-eu-west-1-operations", "", REMOVED),
        ("backups-alarms-eu-west-1-topic", "policy", without("OnlyBreakGlass")),
    ),
    ("vault-access-is-logged", "backups-vault-bucket"): (
        (
            "backups-vault-logging",
            "",
            REMOVED,
            "store-has-independent-backup",
        ),
        ("backups-vault-access-log-lifecycle", "rules.0.expiration.days", 30),
        ("backups-vault-access-log-versioning", "", REMOVED),
        ("backups-vault-access-log-policy", "policy", without("OnlyBreakGlass")),
    ),
    ("bucket-is-not-force-destroyed", "backups-vault-bucket"): (
        ("backups-vault-bucket", "force_destroy", True),
    ),
    # Endpoints
    ("endpoint-is-published", "example"): (
        (
            "example",
            "endpoints.0.url",
            "http://api.example.com",
            "endpoint-has-monitor",
            "endpoint-has-second-prober",
        ),
        ("example", "endpoints.0.critical", False),
    ),
    ("endpoint-has-monitor", "example"): (
        ("uptime-backend-health", "is_paused", True, "monitor-watches-something"),
        ("uptime-backend-health", "url", "https://api.example.com/api/version"),
    ),
    ("endpoint-monitor-is-fast", "example"): ((SETTINGS, "uptime.interval_seconds", 3_600),),
    ("endpoint-monitor-checks-content", "example"): (
        ("uptime-backend-health", "keyword_type", "ALERT_EXISTS"),
        ("uptime-frontend-page", "success_http_response_codes", ["2xx", "4xx"]),
    ),
    ("endpoint-monitor-checks-certificate", "example"): (
        ("uptime-backend-health", "check_ssl_errors", False),
    ),
    ("endpoint-monitor-looks-from-several-regions", "example"): (
        ("uptime-backend-health", "region_data.regions", ["eu"]),
    ),
    ("monitor-reaches-someone", "uptime-backend-version"): (
        (
            "uptime-backend-version",
            "assigned_alert_contacts",
            [],
            "alert-follows-its-route",
            "endpoint-monitor-is-fast",
            "monitor-route-is-independent",
        ),
    ),
    ("monitor-reaches-someone", "job-database-heartbeat"): (
        ("job-database-heartbeat", "assigned_alert_contacts", UNKNOWN_CONTACT),
    ),
    ("monitor-route-is-independent", "example"): (
        ("uptime-backend-health", "assigned_alert_contacts", only(OPERATIONS), "alert-follows-its-route"),
    ),
    ("endpoint-has-second-prober", "example"): (
        ("errors-backend-check-health", "enabled", False, "sentry-monitor-has-alert"),
        ("errors-backend-check-health", "interval_seconds", 3_600),
    ),
    ("job-has-heartbeat", "job-database"): (("job-database-heartbeat", "", REMOVED),),
    ("job-has-heartbeat", "job-files"): (
        ("job-files-heartbeat", "is_paused", True, "monitor-watches-something"),
    ),
    ("heartbeat-matches-its-job", "job-database"): (("job-database-heartbeat", "interval", 604_800),),
    ("maintenance-window-is-short", "uptime-maintenance"): (("uptime-maintenance", "duration", 240),),
    # Errors
    ("service-has-error-project", "errors"): (("errors", "services", ["backend", "frontend", "worker"]),),
    ("service-receives-its-dsn", "host-backend"): (
        ("host-backend-variables", "variables.1.name", "SENTRY_URL"),
        ("host-backend", "errorProject", GONE),
    ),
    ("service-receives-its-dsn", "host-frontend"): (("host-frontend-vite-sentry-dsn", "", REMOVED),),
    ("error-project-has-alerts", "errors-backend-project"): (("errors-backend-new-alert", "", REMOVED),),
    ("error-project-drops-nothing", "errors-backend-project"): (
        ("errors-backend-project", "filters", {"error_messages": ["*"]}),
    ),
    ("error-project-has-key", "errors-backend-project"): (("errors-backend-project", "default_key", True),),
    ("error-key-has-rate-limit", "errors-backend-key"): (
        ("errors-backend-key", "rate_limit_count", 0, "alert-reaches-someone"),
        (SETTINGS, "services.backend.errors.events_per_minute", 60_000),
    ),
    ("error-project-has-spike-protection", "errors-backend-project"): (
        ("errors-backend-spike-protection", "enabled", False),
    ),
    ("error-project-has-owner", "errors-backend-project"): (("errors-backend-ownership", "", REMOVED),),
    ("error-project-is-measured", "errors-backend-project"): (
        ("errors-backend-latency", "enabled", False, "sentry-monitor-has-alert"),
    ),
    ("alert-reaches-someone", "errors-backend-frequent-alert"): (
        ("errors-backend-frequent-alert", "enabled", GONE, "error-project-is-measured"),
    ),
    ("sentry-monitor-has-alert", "job-database-cron"): (("job-database-alert", "", REMOVED),),
    ("job-has-cron-monitor", "job-drill"): (
        ("job-drill-cron", "enabled", False, "sentry-monitor-has-alert"),
    ),
    ("cron-monitor-matches-its-job", "job-files"): (
        ("job-files-cron", "schedule.crontab", "47 2 * * 1", "store-loss-is-within-objective"),
    ),
    # Identity and secrets
    ("role-trusts-one-workload", "backups-identity-deployer"): (
        (
            "backups-identity-deployer",
            "assume_role_policy",
            but("", Condition={"StringLike": {f"{GITHUB}:sub": "repo:example/platform:*"}}),
            "role-trusts-own-repository",
        ),
    ),
    ("role-trusts-own-repository", "backups-identity-planner"): (
        (
            "backups-identity-planner",
            "assume_role_policy",
            but(
                "",
                Condition={
                    "StringEquals": {
                        f"{GITHUB}:aud": "sts.amazonaws.com",
                        f"{GITHUB}:sub": "repo:example/platform:environment:plan",
                    }
                },
            ),
        ),
    ),
    ("role-trusts-one-workload", "backups-identity-backup-writer"): (
        (
            "backups-identity-backup-writer",
            "assume_role_policy",
            but("", Principal="*", Action="sts:AssumeRole", Condition=None),
        ),
    ),
    ("service-role-is-bound-to-account", "backups-replicator"): (
        ("backups-replicator", "assume_role_policy", but("", Condition=None)),
    ),
    ("account-trust-is-conditional", "backups-identity-deployer"): (
        (
            "backups-identity-deployer",
            "assume_role_policy",
            but("", Principal={"AWS": "210987654321"}, Action="sts:AssumeRole", Condition=None),
            "vault-role-trusts-named-principals",
        ),
    ),
    ("policy-names-its-actions", "backups-identity-deployer-policy"): (
        (
            "backups-identity-deployer-policy",
            "policy",
            allowing("s3:*", ARN),
            "writer-cannot-delete",
            "writer-cannot-overwrite",
            "writer-cannot-record-keys",
        ),
    ),
    ("policy-names-its-resources", "backups-identity-backup-restorer-policy"): (
        ("backups-identity-backup-restorer-policy", "policy", allowing("s3:GetObject", "*")),
        ("backups-identity-backup-restorer-policy", "policy", but("Decrypt1", Condition=None)),
    ),
    ("role-cannot-widen-itself", "backups-identity-deployer-policy"): (
        (
            "backups-identity-deployer-policy",
            "policy",
            allowing("iam:PutRolePolicy", "arn:aws:iam::123456789012:role/example-*"),
            "role-is-bounded",
        ),
    ),
    ("role-cannot-widen-itself", "backups-identity-planner-policy"): (
        (
            "backups-identity-planner-policy",
            "policy",
            allowing(["iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"], f"{ROLE}-backup-writer"),
            "role-is-bounded",
        ),
    ),
    ("role-is-bounded", "backups-administration-break-glass-policy"): (
        (
            "backups-administration-break-glass-policy",
            "policy",
            but("ConfigureRoles", Condition=None),
            "role-cannot-widen-itself",
        ),
        (
            "backups-administration-break-glass-policy",
            "policy",
            allowing("iam:CreatePolicyVersion", "arn:aws:iam::123456789012:policy/example-boundary"),
        ),
        ("backups-identity-backup-writer", "permissions_boundary", GONE),
    ),
    ("role-policies-are-listed", "backups-identity-backup-writer"): (
        ("backups-identity-backup-writer-policies", "", REMOVED),
        ("backups-identity-backup-writer-attachments", "", REMOVED),
    ),
    ("role-session-is-short", "backups-identity-deployer"): (
        ("backups-identity-deployer", "max_session_duration", 43_200),
    ),
    ("vault-admits-no-stranger", "backups-vault-bucket"): (
        (
            "backups-vault-policy",
            "policy",
            allowing("s3:GetObject", f"{ARN}/*", Principal={"AWS": "444455556666"}),
        ),
    ),
    ("demanded-inputs-stay-managed", "backups-vault-lock"): (
        ("backups-vault-lock", "opts.ignore_changes", ["rule"]),
    ),
    ("demanded-inputs-stay-managed", "errors-backend-new-alert"): (
        ("errors-backend-new-alert", "opts.ignore_changes", ["*"]),
    ),
    ("secret-is-marked", "neon"): (("neon", "api_key", anyone("n4pi"), "secret-outputs-are-marked"),),
    ("nothing-looks-like-a-secret", "alerting-automation"): (
        ("alerting-automation", "post_value", "postgresql://owner:word@example.com/a"),
    ),
    ("host-role-is-limited", "host-backend-variables"): (
        (
            "host-backend-variables",
            "variables.0.value",
            "postgresql://platform_owner:word@example.com/platform",
            "host-secret-is-sensitive",
            "nothing-looks-like-a-secret",
        ),
    ),
    ("host-secret-is-sensitive", "host-frontend-vite-sentry-dsn"): (
        ("host-frontend-vite-sentry-dsn", "sensitive", False),
    ),
    ("host-secret-is-sensitive", "host-backend-variables"): (
        ("host-backend-variables", "opts.additional_secret_outputs", []),
    ),
    ("escalation-reaches-second-person", "oncall-urgent-policy"): (
        ("oncall-urgent-policy", "rules", lambda rules: rules[:1]),
    ),
    ("escalation-always-calls-somebody", "oncall-urgent-policy"): (
        ("oncall-primary-schedule", "layers.0.end", "2099-01-01T00:00:00Z"),
    ),
    ("escalation-is-fast", "oncall-urgent-policy"): (
        ("oncall-urgent-policy", "rules.0.escalation_delay_in_minutes", 30),
    ),
    ("escalation-repeats", "oncall-urgent-policy"): (("oncall-urgent-policy", "num_loops", 0),),
    ("alert-follows-its-route", "alerting"): (
        ("alerting", "routes", lambda routes: {**routes, "sev1": ["slack", "email", "webhook"]}),
        ("errors-backend-check-health-alert", "action_filters.0.actions", lambda actions: actions[1:]),
    ),
    ("page-lasts-until-resolved", "oncall-oncall-service"): (
        ("oncall-oncall-service", "auto_resolve_timeout", "14400"),
        ("oncall-oncall-service", "acknowledgement_timeout", "null"),
    ),
    ("secret-outputs-are-marked", "oncall-oncall-sentry"): (
        ("oncall-oncall-sentry", "opts.additional_secret_outputs", [], "secret-is-marked"),
    ),
    ("secret-outputs-are-marked", "errors-backend-key"): (
        ("errors-backend-key", "opts.additional_secret_outputs", []),
    ),
    ("provider-is-bound-to-account", "aws"): (("aws", "allowed_account_ids", GONE),),
    ("provider-reaches-its-vendor", "aws-primary"): (("aws-primary", "insecure", True),),
    ("secret-admits-no-stranger", "backups-documents-copier"): (
        (
            "backups-documents-copier",
            "policy",
            given(allowed("secretsmanager:GetSecretValue", "*", Principal="*")),
            "job-document-is-guarded",
        ),
    ),
    ("nothing-is-shared-outside", "backups-documents-key"): (
        (
            "backups-documents-key",
            "policy",
            allowing("kms:Decrypt", "*", Principal={"AWS": "arn:aws:iam::999999999999:root"}),
        ),
    ),
    ("job-document-is-guarded", "backups-documents-driller"): (
        ("backups-documents-driller", "recovery_window_in_days", 0),
    ),
    ("owner-role-is-given-to-nobody", "database-role-backup"): (
        ("database-database", "owner_name", "platform_backup"),
    ),
    ("provider-tags-everything", "aws-replica"): (("aws-replica", "default_tags", GONE),),
    # Orphans
    ("job-protects-something", "job-database"): (
        (
            "job-database",
            "protects",
            ["urn:pulumi:prod::bulwark::x:y:Z::gone"],
            "store-has-independent-backup",
        ),
    ),
    ("monitor-watches-something", "uptime-backend-version"): (
        ("uptime-backend-version", "url", "https://old.example.com/api/version", "endpoint-has-monitor"),
        ("uptime-backend-version", "is_paused", True, "endpoint-has-monitor"),
    ),
    ("alert-listens-to-something", "errors-backend-check-health-alert"): (
        (
            "errors-backend-check-health-alert",
            "monitor_ids",
            [],
            "alert-follows-its-route",
            "endpoint-has-second-prober",
            "sentry-monitor-has-alert",
        ),
    ),
    ("contact-is-told", "alerting-oncall"): (
        (SETTINGS, "alerting.routes", ROUTES_WITHOUT_ONCALL, "alert-follows-its-route"),
        ("alerting-oncall", "enable_notifications_for", 4, "alert-follows-its-route"),
    ),
    ("contact-is-told", "alerting-operations"): (
        ("alerting-operations", "is_active", False, "alert-follows-its-route"),
    ),
    ("vault-is-filled", "backups-vault-bucket"): (
        ("job-*", "copies", [], "store-has-copy-elsewhere", "store-has-independent-backup"),
    ),
    ("readiness-is-recent", "example"): (
        (DRILLS, "", tell(readiness='{"since": "2020-01-01", "passed": null}')),
        (DRILLS, "", tell(readiness='{"since": null, "passed": "2020-01-08"}')),
    ),
    ("writer-cannot-read", "backups-identity-backup-writer"): (
        ("backups-identity-backup-writer-policy", "policy", allowing("s3:GetObject", f"{ARN}/*")),
    ),
    ("vault-is-usable", "backups-vault-bucket"): (
        (
            "backups-vault-policy",
            "policy",
            allowing("s3:GetObject", f"{ARN}/*", Effect="Deny", Principal="*"),
        ),
    ),
    ("vault-can-be-restored", "backups-replica-bucket"): (
        ("backups-replica-identity-replica-restorer-policy", "policy", but("Read", Action="s3:GetObject")),
    ),
    ("vault-role-trusts-named-principals", "backups-identity-backup-restorer"): (
        (
            "backups-identity-backup-restorer",
            "assume_role_policy",
            but(
                "",
                Principal={"AWS": "arn:aws:iam::123456789012:root"},
                Action="sts:AssumeRole",
                Condition=None,
            ),
        ),
    ),
}

"""(Rule, resource that it must refuse) -> (resource, field, weakening, rules that refuse it besides)."""

MUTATIONS: Final = tuple(
    Mutation(resource, field, value, rule, at, frozenset(also))
    for (rule, at), mutations in _TABLE.items()
    for resource, field, value, *also in mutations
)


_CAUSE: Final = "store-has-independent-backup"
_FOLLOWING: Final = {
    "store-backups-outlast-corruption",
    "store-has-copy-elsewhere",
    "store-is-drilled",
    "store-is-proven",
    "store-loss-is-within-objective",
}


def _matches(names: Iterable[str], others: Iterable[str]) -> bool:
    others = list(others)
    return any(fnmatchcase(one, other) or fnmatchcase(other, one) for one in names for other in others)


def _independent(one: Mutation, other: Mutation) -> bool:
    """Return whether the verdicts on two mutations of one program are those on each alone."""
    return not (
        one.rules & other.rules
        # What follows from a missing backup is not reported of the same store.
        or (_CAUSE in one.rules and _FOLLOWING & other.rules)
        or (_CAUSE in other.rules and _FOLLOWING & one.rules)
        or _matches(one.touched, other.touched)
        # A resource that is changed itself may get another verdict for it.
        or _matches([one.at], other.touched)
        or _matches([other.at], one.touched)
    )


def batches(mutations: Sequence[Mutation] = MUTATIONS) -> tuple[tuple[Mutation, ...], ...]:
    """
    Return the mutations in batches that one preview can judge, each into the first that has room for it.

    No batch has two mutations of one resource, or that one rule refuses, or one of a resource that is refused
    for another: each verdict has one cause.
    """
    made: list[list[Mutation]] = []
    for mutation in mutations:
        room = next((batch for batch in made if all(_independent(mutation, one) for one in batch)), None)
        if room is None:
            made.append([mutation])
        else:
            room.append(mutation)
    return tuple(map(tuple, made))
