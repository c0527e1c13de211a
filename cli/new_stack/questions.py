"""The questions by which `init` is answered in a terminal; each answer is checked at once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Final

from cli.new_stack.answers import (
    FORMS,
    Answers,
    Option,
)
from cli.new_stack.blocks import build
from cli.new_stack.inventory import Inventory
from cli.new_stack.proposals import propose_services, propose_stores
from cli.new_stack.repository import add_repository_ids
from core.text import printable

Ask = Callable[[str], str]
"""Shows a prompt and returns what was typed."""

_MISSING: Final = "is missing"
_NONE: Final = "none"
_MOST_PROPOSED: Final = 20
"""Of more nobody chooses by number; the others can be named."""

_SETTINGS: Final = {
    "platform.repository_id": "GitHub's number of the repository",
    "platform.repository_owner_id": "GitHub's number of the repository's owner",
    "stores.*.organization": "organization at Neon, such as org-example-00000000",
    "stores.*.database": "name of the database in PostgreSQL",
    "stores.*.buckets": "buckets that are backed up, such as [documents, pictures]",
    "stores.*.endpoint": "address of the S3 service",
    "stores.*.region": "region, as its vendor names it; at Neon such as aws-eu-central-1",
    "backups.replica.region": "region of the replica",
    "backups.elsewhere.endpoint": "address of the S3 service at the other cloud",
    "backups.elsewhere.region": "its region",
    "backups.elsewhere.bucket": "its bucket, which is made by hand",
    "backups.elsewhere.recipients": "public keys that the copies are encrypted to, such as [age1...]",
    "errors.team": "slug of the team at Sentry",
}
"""Path of a setting -> what is asked for."""


class Interview:
    """Asks for what no option has given, and returns the answers."""

    def __init__(self, inventory: Inventory, *, ask: Ask, tell: Callable[[str], Any]) -> None:
        self._inventory, self._ask_person, self._tell = inventory, ask, tell

    def complete(self, given: Answers, *, default_name: str, default_repository: str) -> Answers:
        """Ask what `given` leaves open, then for each setting that is still missing."""
        seen, answers = self._inventory, given
        if not answers.name:
            answers = self._ask(
                "Name, which begins every name at the vendors", "--name", default_name, answers
            )
        if not answers.repository:
            prompt = "Repository at GitHub, OWNER/NAME"
            answers = self._ask(prompt, "--repository", default_repository, answers)
        answers = add_repository_ids(answers)
        if not answers.services:
            answers = self._ask_list("A service", "--service", propose_services(seen.monitors), answers)
        if not answers.stores:
            answers = self._ask_list("A store", "--store", propose_stores(seen), answers)
        answers = self._ask_vaults(answers)
        return self._ask_missing(self._ask_keywords(self._ask_watchers(answers)))

    def _ask_vaults(self, answers: Answers) -> Answers:
        if not answers.vaults:
            answers = self._ask("Vault for backups, AWS ACCOUNT/REGION", "--vault", _NONE, answers)
        if len(answers.vaults) == 1:
            answers = self._ask("Its replica, another ACCOUNT/REGION", "--vault", "", answers)
        if answers.vaults and not answers.elsewhere:
            prompt = "Vendor of an encrypted copy at another cloud, such as backblaze"
            answers = self._ask(prompt, "--elsewhere", _NONE, answers)
        return answers

    def _ask_watchers(self, answers: Answers) -> Answers:
        if not answers.uptime:
            prompt = "Plan at UptimeRobot: solo, team, enterprise"
            answers = self._ask(prompt, "--uptime", "team" if self._inventory.monitors else _NONE, answers)
        if not answers.errors:
            found = self._inventory.sentry
            only = found[0] if len(found) == 1 else None
            default = f"{only.slug}/{next(iter(only.teams), '')}".rstrip("/") if only else _NONE
            answers = self._ask("Sentry's ORGANIZATION/TEAM", "--errors", default, answers)
        if not answers.channels:
            answers = self._ask_list("A channel that is told", "--channel", (), answers)
        return answers

    def _ask_keywords(self, answers: Answers) -> Answers:
        """Ask for the text by which UptimeRobot knows that a critical service is well."""
        blocks, _ = build(answers, self._inventory)
        for name, service in blocks.get("services", {}).items():
            for check_name, check in service.get("checks", {}).items():
                path = f"services.{name}.checks.{check_name}.keyword"
                if service.get("critical") and answers.uptime and "keyword" not in check:
                    prompt = f"Text that {service['url']}{check['path']} answers when all is well"
                    if (text := self._read(prompt, _NONE)) != _NONE:
                        answers = replace(answers, values={**answers.values, path: text})
        return answers

    def ask_text(self, prompt: str, default: str, object_to: Callable[[str], str]) -> str:
        """Ask until `object_to` returns no objection."""
        while objection := object_to(answer := self._read(prompt, default)):
            self._tell(f"  {objection}")
        return answer

    def _read(self, prompt: str, default: str) -> str:
        shown = f"{prompt} [{printable(default)}]: " if default else f"{prompt}: "
        return self._ask_person(shown).strip() or default

    def _ask(self, prompt: str, option: Option, default: str, answers: Answers) -> Answers:
        """Ask one question until its answer is right; `none` is none."""
        while (answer := self._read(prompt, default)) != _NONE:
            taken, scope = _take(answers, option, answer)
            if not answer:
                self._tell("  an answer is needed; `none` is none")
            elif not self._show_wrong(taken, scope):
                return taken
        return answers

    def _ask_list(self, title: str, option: Option, proposed: Sequence[str], answers: Answers) -> Answers:
        """Ask for any number of answers, first for those that are proposed."""
        if proposed:
            answers = self._choose(title, proposed[:_MOST_PROPOSED], option, answers)
        self._tell(f"{title}: {FORMS[option]}. Enter goes on.")
        while answer := self._read(title, ""):
            taken, scope = _take(answers, option, answer)
            if not self._show_wrong(taken, scope):
                answers = taken
        return answers

    def _choose(self, title: str, proposed: Sequence[str], option: Option, answers: Answers) -> Answers:
        self._tell(f"{title}, of those that the vendors show:")
        for number, proposal in enumerate(proposed, 1):
            self._tell(f"  {number:2} {printable(proposal)}")
        everything = {"all": proposed, _NONE: ()}
        while (chosen := everything.get(text := self._read("Numbers, all or none", "all"))) is None:
            words = text.replace(",", " ").split()
            if all(word.isdecimal() and 1 <= int(word) <= len(proposed) for word in words):
                chosen = [proposed[int(word) - 1] for word in dict.fromkeys(words)]
                break
            self._tell(f"  {printable(text)!r} is no list of numbers up to {len(proposed)}")
        for proposal in chosen:
            answers, _ = _take(answers, option, proposal)
        return answers

    def _ask_missing(self, answers: Answers) -> Answers:
        """Ask for the setting of each problem that is left. An option's own value can't be mended here."""
        while problems := [
            one for one in build(answers, self._inventory)[1] if not one.path.startswith("--")
        ]:
            first = problems[0]
            self._tell(f"{first.path}: {printable(first.message)}")
            what = next((text for path, text in _SETTINGS.items() if fnmatchcase(first.path, path)), "value")
            if value := self._read(f"  {what[0].upper()}{what[1:]}", ""):
                answers = replace(answers, values={**answers.values, first.path: value})
        return answers

    def _show_wrong(self, answers: Answers, scope: str) -> bool:
        """Show what is wrong below a path; what is only missing is asked for at the end."""
        wrong = [
            problem
            for problem in build(answers, self._inventory)[1]
            if problem.path.startswith("--") or f"{problem.path}.".startswith(f"{scope}.")
            if not problem.message.startswith(_MISSING)
        ]
        for problem in wrong:
            self._tell(f"  {printable(problem.message)}")
        return bool(wrong)


def _take(answers: Answers, option: Option, text: str) -> tuple[Answers, str]:
    """Return the answers with one more, and the path below which its problems are."""
    name = text.partition("=")[0].strip()
    match option:
        case "--name":
            return replace(answers, name=text), "platform.name"
        case "--repository":
            return replace(answers, repository=text), "platform.repository"
        case "--service":
            return replace(answers, services=(*answers.services, text)), f"services.{name}"
        case "--store":
            return replace(answers, stores=(*answers.stores, text)), f"stores.{name}"
        case "--vault":
            return replace(answers, vaults=(*answers.vaults, text)), "backups"
        case "--elsewhere":
            return replace(answers, elsewhere=text), "backups.elsewhere"
        case "--uptime":
            return replace(answers, uptime=text), "uptime"
        case "--errors":
            return replace(answers, errors=text), "errors"
        case "--channel":
            return replace(answers, channels=(*answers.channels, text)), f"alerting.channels.{name}"
