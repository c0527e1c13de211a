"""
Paths and identifiers that a standard term has replaced.

Stored names keep their old word: fields of a vault's documents, its keys and tags, component types, resource
names, stack outputs, rule ids, environment variables and settings (see test_recorded_documents.py).
"""

from typing import Final

OLD_PATHS: Final = {
    "": "local objectives.py credential_forms.py",
    "cli": """
        automation.py discard.py drill_adding.py drill_backend.py drill_identity.py drill_place.py
        drill_run.py drill_terms.py drill_yard.py drilled.py engine.py first_backups.py interrupted.py
        leftovers.py orphans.py packages.py proven.py recovery_site.py refusals.py restore_files.py
        reviewed.py role_keys.py saving.py stack_file.py twin.py watched.py wording.py
    """,
    "components": "closed.py drill.py job.py",
    "policies": """
        buckets.py configuration.py contacts.py controls.py credentials.py documents.py drills.py
        endpoints.py failure_domain.py grants.py jobs.py judgement.py keys.py lifecycles.py pack.py
        reading.py recovery.py resources.py roles.py rule.py sentry.py servicer.py stores.py waiver.py
        waivers.py wording.py
    """,
    "recovery": "keys.py layout.py site.py",
    "recovery/drill": """
        application.py attempt.py choice.py clock.py damage.py guard.py holding.py identity.py limits.py
        model.py name.py place.py proofs.py questions.py recovered.py references.py report terms.py
    """,
    "recovery/files": "arrived.py item.py layout.py ledger.py places.py rclone.py run.py single.py spread.py",
    "recovery/postgres": """
        archive.py catalog_relations.py choice.py chosen.py clients.py cluster.py cluster_capture.py
        cluster_model.py connecting.py figures.py frozen.py identity.py libpq.py mentions.py offsets.py
        pieces.py program.py setting_values.py space.py vendors.py
    """,
    "recovery/vault": "failures.py held.py listing.py parts.py writing.py",
    "toolchain": "failure.py",
}
"""
Folder -> its former files and folders. `local` was the twin, laid out by layer: `doors` (HTTP APIs),
`vendors` (models), `plugins` (stand-ins), and modules such as `pace`, `crew`, `aside`, `sink`, `windows`.
"""

OLD_DEFINITIONS: Final = {
    "session of a drill": "Yard entered",
    "environment of a drill": "Place EnginePlace",
    "recovered database, replica's status": "Copy",
    "context of recovery": "Site needed opened",
    "target of a stack": "Space",
    "run of a scenario": "Attempt going trying reached",
    "recovery point": "_kept Held",
    "validation of a recovered database": "questioned run_on damaged all_of_it Drilled",
    "specification of a drill": "Terms",
    "checksums": "figures Figures",
    "digest, dump": "digested chosen pieces",
    "filter of a table of contents": "mentions frozen",
    "index of the files": "arrived spread places Ledger",
    "upload": "Writing ONCE told_with",
    "events, plans and vendors' errors": "Watched Refusal leftovers orphans",
    "roles' credentials": "deployers_key key_of",
    "HTTP APIs of the twin": "Door door Asked",
    "the twin's host": "Pace Crew pace crew",
    "webhooks, probes, issues": "Courier Sight Scene",
    "stand-ins": "lean foretold alike unmanaged remembered",
    "independent health monitor": "_second_look",
    "evaluation of rules": "Judgement hear hear_waivers",
    "duration": "spoken",
    "words for several things": "Progress Told Thing Model Item",
}
"""Subject -> names of classes and functions that are defined nowhere."""

OLD_LOCAL_DEFINITIONS: Final = {
    "components/private_bucket.py": "close",
    "core/atomic_folder.py": "locked built aside",
    "core/credential_forms.py": "hidden form_of",
    "recovery/catalogue.py": "listed chosen proven backups",
    "recovery/files/copy.py": "copy_one",
    "recovery/postgres/globals.py": "Cluster captured",
    "recovery/restore.py": "restored loaded fetched",
    "recovery/verify.py": "looked_at",
    "toolchain/cache.py": "cached locked",
}
"""Module -> names that are too common to be refused everywhere."""

OLD_IDENTIFIERS: Final = "told said heard aside"
"""Callbacks, pools, parameters, fields and variables that no code has."""

OLD_VARIABLES: Final = "one made"
"""Parameters and variables. Within a comprehension, which fits a line, `one` may name the item."""

OLD_SUFFIXES: Final = ("_told", "_said", "_words", "_shapes")
"""Ends of the twin's modules and functions that convert between JSON and a vendor's model."""
