"""`./bulwark backup`, `backups`, `verify` and `restore` on a deployed stack, as a scheduler runs them."""

from urllib.parse import urlsplit

from installations import Finished
from living import Living


def run(living: Living, *arguments: str, **variables: str) -> Finished:
    return living.installation.bulwark(*arguments, **variables)


def test_a_backup_is_in_reported_listed_and_proven(living: Living) -> None:
    taken = run(living, "backup", "--json")
    assert taken.code == 0, taken.text
    assert "monitor not reached" not in taken.err
    backup = taken.json["id"]
    assert taken.json["dump"]["key"].startswith(f"database/monthly/{backup}/")
    assert taken.json["dump"]["lock_mode"] == "GOVERNANCE"
    [row] = [one for one in run(living, "backups", "--json").json if one["id"] == backup]
    assert (row["verified"], row["problems"]) == (None, [])
    deep = run(living, "verify", "--deep", "--backup", backup)
    assert deep.code == 0, deep.text
    assert f"{backup}: restored and compared, good" in deep.out
    [row] = [one for one in run(living, "backups", "--json").json if one["id"] == backup]
    assert row["how"] == "restored"
    assert run(living, "verify").code == 0
    passwords = {
        urlsplit(url).password or ""
        for name, url in run(living, "outputs", "--json", "--show-secrets").json.items()
        if name.endswith("_database_url")
    }
    assert not any(password in taken.text + deep.text for password in passwords)


def test_an_address_with_a_password_is_refused_and_not_repeated(living: Living) -> None:
    refused = run(living, "restore", "--to", "postgresql://someone:planted-password@127.0.0.1/x")
    assert refused.code == 1
    assert "BULWARK_RESTORE_PASSWORD" in refused.err
    assert "planted-password" not in refused.text


def test_what_does_not_exist_is_said_and_what_to_do(living: Living) -> None:
    unknown = run(living, "verify", "--backup", "20300101T000000Z-0000")
    assert unknown.code == 1
    assert "There is no backup 20300101T000000Z-0000." in unknown.err
    assert "./bulwark backups" in unknown.err
