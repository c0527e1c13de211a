"""
Keeps locked backups of a PostgreSQL that exists already, in two accounts and regions of AWS.

Needs the secret `url` (the address of the database's role that backs up), an AWS profile `replica` for the
second account, and UPTIMEROBOT_API_KEY.
"""

from functools import partial

import pulumi
import pulumi_aws
import pulumi_uptimerobot

from components.alarm_endpoints import AlarmEndpoint
from components.alerting import Alerting, AlertingArgs
from components.backups import Backups, BackupsArgs
from components.channels import EmailChannel
from components.existing_database import ExistingDatabase, ExistingDatabaseArgs
from components.guard import DRILLER, RESTORER, WRITER
from components.scheduled_job import JobWatch, ScheduledJob, ScheduledJobArgs
from components.vault_names import VaultNames

REPOSITORY, MAIL, SECURITY = "example@1/shop@2", "oncall@example.org", "security@example.org"
vault = VaultNames.of("shop", "123456789012", "eu-west-1")
copy = VaultNames.of("shop", "210987654321", "eu-north-1")
environments = {WRITER: "backup", RESTORER: "restore", DRILLER: "drill"}

tags = {"Project": "shop", "Environment": pulumi.get_stack(), "ManagedBy": "pulumi"}
aws = partial(pulumi_aws.Provider, default_tags=pulumi_aws.ProviderDefaultTagsArgs(tags=tags))
primary = aws("primary", region=vault.region, allowed_account_ids=[vault.account])
replica = aws("replica", region=copy.region, allowed_account_ids=[copy.account], profile="replica")
uptimerobot = pulumi.ResourceOptions(provider=pulumi_uptimerobot.Provider("uptimerobot"))

url = pulumi.Config().require_secret("url")
database = ExistingDatabase("shop", ExistingDatabaseArgs("railway", "europe-west4", url, history_hours=168))
backups = Backups(
    "backups",
    BackupsArgs(
        vault,
        copy,
        job_subjects={role: f"repo:{REPOSITORY}:environment:{one}" for role, one in environments.items()},
        repository=REPOSITORY,
        alarm_endpoints=[AlarmEndpoint("mail", "email", MAIL), AlarmEndpoint("security", "email", SECURITY)],
    ),
    replica_provider=replica,
    opts=pulumi.ResourceOptions(providers=[primary]),
)
alerting = Alerting(
    "people", AlertingArgs({"mail": EmailChannel(MAIL)}, {"sev2": ["mail"]}), opts=uptimerobot
)
group = pulumi_uptimerobot.MonitorGroup("jobs", name="shop jobs", opts=uptimerobot)
job = partial(ScheduledJobArgs, longest_run_minutes=30, lateness_minutes=120, retention_days=35)
copies = [vault.arn, copy.arn]
heartbeats = {
    name: ScheduledJob(f"job-{name}", args, watch=JobWatch(alerting, group), opts=uptimerobot).heartbeat_url
    for name, args in {
        "shop": job(title="Backup", schedule="17 2 * * *", protects=[database.urn], copies=copies),
        "proof": job(title="Proof", schedule="47 2 * * *", proves=[database.urn]),
        "drill": job(title="Drill", schedule="23 4 * * 6", drills=[database.urn]),
    }.items()
}
stores = {"shop": database.describe_recovery("SHOP_PASSWORD")}
monitors = {name: {"heartbeat": {"env": f"{name.upper()}_HEARTBEAT_URL"}} for name in heartbeats}
pulumi.export(
    "recovery", {"name": "shop", "stores": stores, "monitors": monitors, **backups.describe_recovery()}
)
pulumi.export("heartbeats", pulumi.Output.secret(heartbeats))
