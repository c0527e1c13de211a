"""The commands of `./bulwark`. A command's module is imported when it is called: none pays for another."""

from importlib import metadata
from typing import Final

from cyclopts import App, Group

app = App(
    name="bulwark",
    help=(
        "Production hardening as code: backups, monitoring and recovery of a SaaS, declared, refused when "
        "something is missing, and proven.\n\n"
        "Start with `./bulwark up`: it provisions the whole production shape on this machine."
    ),
    version=lambda: metadata.version("bulwark"),
    # Else Ctrl-C would end a command without a word (cli/__main__.py says what is next).
    suppress_keyboard_interrupt=False,
)

_COMMANDS: Final = {
    "Health": {
        "cli.status:status": "Show the health of a stack: backups, drills, monitors, issues, drift.",
        "cli.ready:ready": "Look at the running platform: is it ready for production?",
    },
    "The stack": {
        "cli.stack:up": "Provision the stack, with the policies on.",
        "cli.stack:preview": "Show what `up` would change, and every policy's verdict.",
        "cli.stack:refresh": "Compare the stack with what really exists, and show the drift.",
        "cli.stack:outputs": "Show the stack's outputs.",
        "cli.destroy:destroy": "Take down what the stack made; what is locked is listed.",
        "cli.pulumi:pulumi": "Run the Pulumi CLI that Bulwark uses, in the stack's environment.",
    },
    "A new stack, and what exists already": {
        "cli.init:init": "Write the file of a new stack, and say what the policies miss in it.",
        "cli.adopt:adopt": "Find what exists already, and write the settings that use it.",
    },
    "The policies": {
        "cli.review:review": "Show plan, verdicts and recovery arithmetic, as for a pull request.",
        "cli.audit:audit": "Ask the policies about what is deployed: by the state, or live.",
    },
    "The data": {
        "cli.backup:backup": "Back up the database, the files and the stack's state into the vault.",
        "cli.copy:copy": "Copy the backups to another cloud, encrypted to a public key.",
        "cli.backups:backups": "List the backups in both vaults, and what is proven of them.",
        "cli.verify:verify": "Check backups against their manifests; deep: restore and compare.",
        "cli.restore:restore": "Restore a backup into what is empty.",
        "cli.disown:disown": "Mark a backup as not to be used, with a reason.",
        "cli.break_lease:break_lease": "End the lease of a backup of the files whose process is gone.",
        "cli.servers:discard": "Remove servers that `restore --to new` made on this machine.",
        "cli.drills:drills": "List the drills, what they proved, and how fast; write one's report.",
    },
    "The proof": {
        "cli.drill:drill": "Recover into a throw-away environment, measure, verify, remove.",
    },
    "An incident": {
        "cli.respond:respond": "Do at the vendors what a runbook says: look, confirm, record.",
    },
    "The services on this machine": {
        "cli.services:logs": "Show what the services wrote.",
        "cli.services:down": "Stop the services and keep their data.",
    },
    "This project": {
        "cli.checks:test": "Run all checks: format, lint, types, workflows, tests.",
        "cli.toolchain:toolchain": "Install what the engine needs, by its hashes; lock the hashes.",
    },
}
"""Title of a group -> address of a command, as `module:function` -> its line in the help."""

_OPTIONS: Final = {"cli.pulumi:pulumi": {"help_flags": (), "version_flags": ()}}
"""Of `pulumi`, whose arguments are the CLI's, `--help` as well."""

for _title, _summaries in _COMMANDS.items():
    _group = Group.create_ordered(_title)
    for _position, (_address, _summary) in enumerate(_summaries.items()):
        app.command(
            _address,
            name=_address.partition(":")[2].replace("_", "-"),
            help=_summary,
            group=_group,
            sort_key=_position,
            **_OPTIONS.get(_address, {}),
        )
