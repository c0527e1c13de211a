"""
The properties that the rules protect: what must hold, by which ways a rule looks, and what none sees.

A rule looks for any way by which its property fails, and not for the form in which this project keeps it.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Property:
    """A protection of production, and the rules that refuse whatever breaks it."""

    name: str
    holds: str
    """What must hold, in one sentence."""

    ways: str
    """By which ways of failing the rules look."""

    unseen: str
    """What a first preview can't show, and what shows it instead."""

    rules: tuple[str, ...]


PROPERTIES: Final = (
    Property(
        "Stores come back",
        "Every store can be brought back as of a moment before the damage, within the objectives, whatever "
        "one of its vendors, accounts, regions, keys or roles does.",
        "The store's own history and its length; jobs by what they protect, copy to, prove and drill, and "
        "their schedules, lateness and run times added up; the account, region, cloud and key of each copy; "
        "what the drills and proofs of the last days have shown; classes of storage and their time to the "
        "first byte; quotas beside the size of their compute; types of resources that nobody has "
        "classified; declarations that a store holds nothing; who is kept out of a vault by its policy or by "
        "a boundary, and is to write or read there.",
        "Whether a backup's content is whole: drills and proofs show that. What lies in a store that no "
        "program declares: `./bulwark status` does that. Which of several "
        "roles that may read a whole vault is the one for restores.",
        (
            "store-backups-outlast-corruption",
            "store-branch-is-protected",
            "store-drill-is-recent",
            "store-has-copy-elsewhere",
            "store-has-history",
            "store-has-independent-backup",
            "store-history-fits-plan",
            "store-is-drilled",
            "store-is-protected",
            "store-is-proven",
            "store-keeps-its-identity",
            "store-loss-is-within-objective",
            "store-proof-is-recent",
            "store-quota-leaves-room",
            "type-is-classified",
            "valueless-store-is-explained",
            "vault-can-be-restored",
            "vault-is-read-in-time",
            "vault-is-usable",
        ),
    ),
    Property(
        "Backups stay",
        "No principal but break-glass may delete, hide, overwrite, expire early or unlock a version in a "
        "vault, nor change what protects the vault; the writer's tag for files that are gone, within their "
        "lock, is the one exception.",
        "Every holder of a right: roles and users with inline, managed and attached policies, groups, "
        "bucket policies, access points, trust from other accounts; NotAction, NotResource, NotPrincipal, "
        "wildcards and conditions that narrow a denial; the lock's mode and days; each lifecycle rule with "
        "its filter, days and tags, inline or as a resource of its own.",
        "Rights that an account's administrator gives by hand: `./bulwark audit --live` reads them. What "
        "AWS itself does with the account: the copy at another cloud is for that.",
        (
            "bucket-cleans-up-aborted-uploads",
            "bucket-is-not-force-destroyed",
            "vault-admits-no-stranger",
            "vault-denies-deletion",
            "vault-expires-every-tier",
            "vault-expires-nothing-early",
            "vault-is-guarded",
            "vault-is-locked",
            "vault-is-versioned",
            "writer-cannot-delete",
            "writer-cannot-overwrite",
            "writer-cannot-record-keys",
        ),
    ),
    Property(
        "Keys stay",
        "Whatever encrypts a backup can be used as long as the backup is kept, and nobody but break-glass "
        "may end or hand over a key.",
        "Key policies, grants and identity policies of every holder; the waiting time of a deletion; "
        "rotation; which key a vault uses, whether it can encrypt, whether aliases and policies lead whoever "
        "writes and reads to it, and whether an upload may choose another; its replicas in other regions.",
        "Key material that lies outside of AWS, and the private key of the copy at another cloud: a drill "
        "needs it.",
        (
            "key-is-governed",
            "key-is-guarded",
            "key-is-usable",
            "key-outlives-a-mistake",
            "key-rotates",
            "vault-is-encrypted-with-its-own-key",
            "vault-refuses-other-encryption",
        ),
    ),
    Property(
        "Copies arrive",
        "Every version that is written to a vault reaches its replica within the promised time, and each "
        "job and vault has a use.",
        "The replication's rules, filters, status, promised time and markers, its source and its target; "
        "vaults that nothing fills and jobs that protect nothing; each step of a copy, and whether the "
        "role's policies, its boundary and the policies of both buckets and keys allow it.",
        "Whether a copy has failed: `./bulwark status` asks AWS.",
        (
            "job-protects-something",
            "replicator-can-copy",
            "vault-is-filled",
            "vault-is-replicated",
        ),
    ),
    Property(
        "Backups are nobody else's",
        "Nobody outside reads a backup, in a bucket or on its way, nor does who writes it or looks after it.",
        "Public access blocks, access control lists and policies that open a bucket; conditions on TLS and "
        "its version, for every principal and every call; in production what each identity that writes into "
        "a vault or sees its settings may read, by prefix, and who may take on a "
        "role with rights in a vault.",
        "Presigned addresses that somebody with the right to read hands out, and which of the roles that "
        "neither write nor look after a vault are meant to read it.",
        (
            "bucket-demands-encrypted-transport",
            "bucket-ignores-access-control-lists",
            "bucket-is-closed-to-the-public",
            "vault-demands-current-tls",
            "vault-role-trusts-named-principals",
            "writer-cannot-read",
        ),
    ),
    Property(
        "Tampering is told",
        "Whoever touches a vault, a key or what watches them is in a record that they can't take away, and "
        "a person is told.",
        "The trail with its regions, events, validation and lock; access logs, where they go and how long "
        "they stay; for each account and region a rule that matches each dangerous call, its target, the "
        "topic's policy, key and subscriptions; whether the trail can write where it is to.",
        "Whether the mail is read.",
        (
            "vault-access-is-logged",
            "vault-account-keeps-a-trail",
            "vault-raises-alarms",
        ),
    ),
    Property(
        "Outages are told",
        "An outage of a critical endpoint reaches a person within the objective's minutes by two "
        "independent ways, at any minute of the year; and a second person where the first does not answer.",
        "For each endpoint and watched address its monitors: path, query, keyword and statuses, interval, "
        "retries and delays added up, regions, certificate, pauses and windows; the contacts with their "
        "status, delay and the domain they depend on, beside the route of their level; a second prober of "
        "another vendor; at PagerDuty each level of an escalation policy with its people, schedules, their "
        "layers, turns and restrictions, delays, repeats, urgency and timeouts, whose key a vendor has, and "
        "the windows, event rules and orchestrations that keep events from them; open ports.",
        "Whether a phone rings, and how a service at PagerDuty escalates that another program declares: a "
        "test message of the vendor shows that. Holidays, overrides and people who left since.",
        (
            "alert-follows-its-route",
            "contact-is-told",
            "endpoint-has-monitor",
            "endpoint-has-second-prober",
            "endpoint-is-published",
            "endpoint-monitor-checks-certificate",
            "endpoint-monitor-checks-content",
            "endpoint-monitor-is-fast",
            "endpoint-monitor-looks-from-several-regions",
            "escalation-always-calls-somebody",
            "escalation-is-fast",
            "escalation-reaches-second-person",
            "escalation-repeats",
            "maintenance-window-is-short",
            "metric-alarm-tells-somebody",
            "monitor-reaches-someone",
            "monitor-route-is-independent",
            "monitor-watches-something",
            "page-lasts-until-resolved",
            "readiness-is-recent",
        ),
    ),
    Property(
        "Errors are told",
        "A new error of a service reaches its owners, and a flood of errors hides none.",
        "For each service its project, key, rate limit, spike protection and owners; alerts with their "
        "triggers, filters, environment, frequency and actions; monitors without an alert and alerts "
        "without a monitor; what each measures, over how long, from which value on, and of which project "
        "others do; whether the service is given its project's DSN where it runs.",
        "Errors that a service does not report.",
        (
            "alert-listens-to-something",
            "alert-reaches-someone",
            "error-key-has-rate-limit",
            "error-project-drops-nothing",
            "error-project-has-alerts",
            "error-project-has-key",
            "error-project-has-owner",
            "error-project-has-spike-protection",
            "error-project-is-measured",
            "sentry-monitor-has-alert",
            "service-has-error-project",
            "service-receives-its-dsn",
        ),
    ),
    Property(
        "Silence is told",
        "A job that did not run, ran too long or failed is told by two vendors before the objective is "
        "missed.",
        "The heartbeat's and the cron monitor's schedule, margin, run time and time zone beside the job's "
        "own.",
        "A job that reports a success that is none: proofs and drills do that.",
        (
            "cron-monitor-matches-its-job",
            "heartbeat-matches-its-job",
            "job-has-cron-monitor",
            "job-has-heartbeat",
        ),
    ),
    Property(
        "Identities do little",
        "Each role does what one workload needs, is taken on by that workload alone, for an hour, and can't "
        "make itself or another one stronger.",
        "Trust policies with every principal, provider and condition; actions and resources by name; "
        "boundaries; rights on roles, policies and boundaries, whatever grants them; attachments of every "
        "kind, and lists that keep others out; providers without an account; the roles at Neon by which "
        "services sign in to their database; policies, lists of accounts and grants of snapshots, images, "
        "queues, topics, keys and functions; workloads that two roles share.",
        "What a service may do that has the same rights as a person: the vendor's own logs. What a role that "
        "SQL made was granted: `./bulwark ready` looks.",
        (
            "account-trust-is-conditional",
            "host-role-is-limited",
            "nothing-is-shared-outside",
            "policy-names-its-actions",
            "policy-names-its-resources",
            "provider-is-bound-to-account",
            "provider-is-explicit",
            "provider-is-pinned",
            "provider-reaches-its-vendor",
            "provider-tags-everything",
            "role-cannot-widen-itself",
            "role-has-no-managed-administrator",
            "role-is-bounded",
            "role-policies-are-listed",
            "role-session-is-short",
            "role-trusts-one-workload",
            "role-trusts-own-repository",
            "service-role-is-bound-to-account",
        ),
    ),
    Property(
        "Secrets stay secret",
        "No credential stands in clear in a state, a preview or a log, and none lasts for ever.",
        "Inputs and outputs that are credentials by their package's schema; policies of secrets; texts in "
        "the form of a known credential; types that make keys, tokens or users with passwords; variables "
        "at a host, a function or a container whose names say that they hold a secret, and the places of a "
        "host that get them; the key, replicas and deletion of a job's document; who is given the owner of "
        "a database.",
        "A credential of an unknown form in an input that no schema marks and that is no variable.",
        (
            "host-secret-is-sensitive",
            "job-document-is-guarded",
            "no-long-lived-key",
            "nothing-looks-like-a-secret",
            "owner-role-is-given-to-nobody",
            "secret-admits-no-stranger",
            "secret-is-marked",
            "secret-outputs-are-marked",
        ),
    ),
    Property(
        "Exceptions end",
        "Whatever demands less than the rules do is written down with an owner, a reason and an end.",
        "Settings of the pack, waivers and their history, and `ignore_changes` on an input that any rule "
        "has read.",
        "Who approved it: the review of the repository.",
        (
            "demanded-inputs-stay-managed",
            "settings-only-tighten",
            "waivers-are-valid",
        ),
    ),
)
