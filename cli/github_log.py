"""The log of a job in GitHub Actions, in which nothing secret may stand."""

import os
import sys
from collections.abc import Iterable
from urllib.parse import quote

_SHORTEST = 4
"""Shorter texts are no secrets of use, and hiding them would leave no log to read."""


def mask_secrets(secrets: Iterable[str]) -> None:
    """
    Let GitHub hide secrets in the job's log, should anything ever print one.

    Nothing is written anywhere else: the command names each secret. GitHub reads it from standard error as
    well, which leaves standard output to the result (GitHub Docs, "Workflow commands", masking a value).
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    forms = {
        form for secret in secrets for line in secret.splitlines() for form in (line, quote(line, safe=""))
    }
    for form in sorted(forms):
        if len(form) >= _SHORTEST:
            escaped = form.replace("%", "%25").replace("\r", "%0D")
            sys.stderr.write(f"::add-mask::{escaped}\n")
    sys.stderr.flush()
