"""How a program on this machine reaches a database of the twin by the address that production would use."""

from urllib.parse import urlsplit


def reach_database(url: str) -> str:
    """
    Return the address without TLS and pooler, which the twin's server does not have.

    Neon's provider makes the pooler's name out of the first label of the server's: of 127.0.0.1 as well.
    """
    server = url.replace("@127-pooler.0.0.1:", "@127.0.0.1:")
    return urlsplit(server)._replace(query="sslmode=disable").geturl()
