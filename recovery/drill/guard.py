"""What is looked at before anything is written, damaged or removed: is it the drill's own?"""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from recovery.drill.name import is_a_drills
from recovery.drill.place import Copy
from recovery.postgres.identity import same_server
from toolchain.failure import Failure


def read_only(url: str) -> str:
    """Return the address with which the server itself refuses every write."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    query["options"] = f"{query.get('options', '')} -c default_transaction_read_only=on".strip()
    return parts._replace(query=urlencode(query, quote_via=quote)).geturl()


def require_throw_away(copy: Copy, source_url: str) -> None:
    """
    See to it that `copy` is a drill's and not what the platform runs on.

    Raises:
        Failure: it is not, or that can't be known.
    """
    if not is_a_drills(copy.name):
        raise Failure(f"{copy.name} is no drill's name.", "nothing was changed; look at what made it.")
    for url in (copy.owner_url, copy.application_url):
        if same_server(source_url, url):
            raise Failure(
                "The drill's target is the database that the platform runs on.",
                "nothing was changed; look at the outputs of the drill's stack.",
            )
