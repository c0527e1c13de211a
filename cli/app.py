"""The commands of `./bulwark`; each is imported when called, so that none pays for what another needs."""

from importlib import metadata

from cyclopts import App, Group

app = App(
    name="bulwark",
    help=(
        "Production hardening as code: backups, monitoring and recovery of a SaaS, declared, refused when "
        "something is missing, and proven.\n\n"
        "Start with `./bulwark up`: it provisions the whole production shape on this machine."
    ),
    version=lambda: metadata.version("bulwark"),
)

_COMMANDS = (
    (
        Group.create_ordered("The stack"),
        "cli.stack",
        {
            "up": "Provision the stack, with the policies on.",
            "preview": "Show what `up` would change, and every policy's verdict.",
            "refresh": "Compare the stack with what really exists, and show the drift.",
            "outputs": "Show the stack's outputs.",
            "destroy": "Take down what the stack made; what is locked is listed.",
        },
    ),
    (
        Group.create_ordered("What exists already"),
        "cli.{name}",
        {"adopt": "Find what exists already, and write the settings that take it over."},
    ),
    (
        Group.create_ordered("The policies"),
        "cli.review",
        {
            "review": "Show plan, verdicts and recovery arithmetic, as for a pull request.",
            "audit": "Ask the policies about what is deployed.",
        },
    ),
    (
        Group.create_ordered("The data"),
        "cli.{name}",
        {
            "backup": "Back up the database, the files and the stack's state into the vault.",
            "backups": "List the backups in both vaults, and what is proven of them.",
            "verify": "Check backups against their manifests; deep: restore and compare.",
            "restore": "Restore a backup into what is empty.",
            "discard": "Remove servers that `restore --to new` made on this machine.",
            "drills": "List the drills, what they proved, and how fast; write one's report.",
        },
    ),
    (
        Group.create_ordered("The proof"),
        "cli.{name}",
        {"drill": "Recover into a throw-away environment, measure, verify, remove."},
    ),
    (
        Group.create_ordered("The services on this machine"),
        "cli.services",
        {
            "status": "Show the services, the stack, the last backup and the last drill.",
            "logs": "Show what the services wrote.",
            "down": "Stop the services and keep their data.",
        },
    ),
    (
        Group.create_ordered("This project"),
        "cli.checks",
        {"test": "Run all checks: format, lint, types, workflows, tests."},
    ),
)

for _group, _module, _summaries in _COMMANDS:
    for _position, (_name, _summary) in enumerate(_summaries.items()):
        app.command(
            f"{_module.format(name=_name)}:{_name}",
            name=_name,
            help=_summary,
            group=_group,
            sort_key=_position,
        )
