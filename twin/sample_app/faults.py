"""
The faults that the sample platform can have, to see that `./bulwark ready` finds each.

A person writes their names into the file `faults` in the twin's folder, one a line; each takes effect with
the next request. `python -m twin.sample_app.faults` lists them.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_MAX_BYTES: Final = 64 << 10

_POLICY: Final = {
    "default-src": "'self'",
    "base-uri": "'self'",
    "font-src": "'self' https: data:",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "script-src": "'self'",
    "script-src-attr": "'none'",
    "style-src": "'self' https: 'unsafe-inline'",
    "upgrade-insecure-requests": "",
}
"""Helmet's default content security policy: directive -> sources."""


def _policy(**changes: str | None) -> str:
    changed = {name.replace("_", "-"): sources for name, sources in changes.items()}
    merged = _POLICY | changed
    return ";".join(f"{name} {text}".strip() for name, text in merged.items() if text is not None)


HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": _policy(),
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "origin-agent-cluster": "?1",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
    "x-download-options": "noopen",
    "x-frame-options": "SAMEORIGIN",
    "x-permitted-cross-domain-policies": "none",
    "x-xss-protection": "0",
}
"""What Helmet sets for an Express API, with every policy of another origin turned on."""

HEADER_FAULTS: Final[Mapping[str, Mapping[str, str | None]]] = {
    "csp-missing": {"content-security-policy": None},
    "csp-inline-scripts": {"content-security-policy": _policy(script_src="'self' 'unsafe-inline'")},
    "csp-eval": {"content-security-policy": _policy(script_src="'self' 'unsafe-eval'")},
    "csp-any-script": {"content-security-policy": _policy(script_src="*")},
    "csp-no-default": {"content-security-policy": _policy(default_src=None)},
    "csp-plugins": {"content-security-policy": _policy(object_src="'self'")},
    "csp-any-base": {"content-security-policy": _policy(base_uri=None)},
    "csp-report-only": {
        "content-security-policy": None,
        "content-security-policy-report-only": _policy(),
    },
    "embedder-policy-missing": {"cross-origin-embedder-policy": None},
    "embedder-policy-open": {"cross-origin-embedder-policy": "unsafe-none"},
    "opener-policy-missing": {"cross-origin-opener-policy": None},
    "opener-policy-open": {"cross-origin-opener-policy": "unsafe-none"},
    "resource-policy-missing": {"cross-origin-resource-policy": None},
    "resource-policy-open": {"cross-origin-resource-policy": "cross-origin"},
    "agent-cluster-missing": {"origin-agent-cluster": None},
    "referrer-missing": {"referrer-policy": None},
    "referrer-whole": {"referrer-policy": "unsafe-url"},
    "hsts-missing": {"strict-transport-security": None},
    "hsts-short": {"strict-transport-security": "max-age=86400; includeSubDomains"},
    "hsts-one-host": {"strict-transport-security": "max-age=31536000"},
    "sniffing": {"x-content-type-options": None},
    "dns-prefetch": {"x-dns-prefetch-control": "on"},
    "download-options-missing": {"x-download-options": None},
    "framing": {
        "x-frame-options": None,
        "content-security-policy": _policy(frame_ancestors="*"),
    },
    "framing-header-missing": {"x-frame-options": None},
    "cross-domain-policies": {"x-permitted-cross-domain-policies": "all"},
    "xss-filter": {"x-xss-protection": "1; mode=block"},
    "powered-by": {"x-powered-by": "Express"},
    "server-version": {"server": "nginx/1.18.0 (Ubuntu)"},
    "no-request-id": {"x-request-id": None},
}
"""Fault -> header -> what it is then; None: it is missing."""

COOKIE_ATTRIBUTES: Final[Mapping[str, str]] = {
    "Path": "/",
    "Secure": "",
    "HttpOnly": "",
    "SameSite": "Lax",
}

COOKIE_FAULTS: Final[Mapping[str, Mapping[str, str | None]]] = {
    "cookie-insecure": {"Secure": None},
    "cookie-script": {"HttpOnly": None},
    "cookie-any-site": {"SameSite": "None"},
    "cookie-no-site": {"SameSite": None},
}
"""Fault -> attribute -> what it is then; None: it is missing."""

OTHER_FAULTS: Final[Mapping[str, str]] = {
    "cors-any-origin": "every page's origin may read answers, with the user's cookies",
    "cors-wildcard": "Access-Control-Allow-Origin is *",
    "cors-suffix": "an origin that begins as an own one may read answers",
    "cors-own-refused": "the frontend's own origin may not read answers",
    "health-always-ok": "/health says ok without asking the database",
    "health-200-when-down": "/health answers 200 while it says down",
    "health-no-timestamp": "/health has no timestamp",
    "health-no-uptime": "/health has no uptime",
    "health-other-version": "/health names another version than /api/version",
    "health-as-text": "/health is no JSON",
    "health-cached": "/health may be cached",
    "health-tells-all": "/health shows the database's address",
    "health-slow": "/health takes longer than two seconds",
    "load-slow": "one in eight requests of /health takes a second longer while several clients ask",
    "load-fails": "/health fails while several clients ask",
    "version-missing": "/api/version answers 404",
    "version-no-commit": "/api/version names no commit",
    "version-old": "/api/version names the commit of an earlier deployment",
    "document-missing": "there is no OpenAPI document",
    "document-no-json": "the OpenAPI document is no JSON",
    "document-invalid": "the OpenAPI document breaks the specification",
    "document-undescribed": "an operation of the OpenAPI document has no description",
    "answer-undocumented-status": "GET /api/plans answers 202, which is not documented",
    "answer-other-type": "GET /api/plans answers with text",
    "answer-other-body": "GET /api/plans leaves out a price",
    "answer-error": "GET /api/plans answers 500",
    "change-path-removed": "GET /api/plans is in the released document alone",
    "change-field-removed": "the plans have no more price",
    "change-parameter-required": "GET /api/plans demands a parameter",
    "change-type": "a price is a text",
    "change-field-required": "sign-in demands one more field",
    "admin-open": "the administration answers without credentials",
    "error-trace": "a request that can't be read is answered with a stack trace",
    "error-as-page": "an unknown address of the API is answered with a page",
    "error-accepts": "a request that can't be read is accepted",
    "trace-method": "the method TRACE is answered",
    "dotenv-served": "/.env is served",
    "repository-served": "/.git/config is served",
    "metrics-public": "/metrics is served to everybody",
    "limit-general-missing": "nothing limits the API",
    "limit-general-high": "the API's limit is twice as high",
    "limit-sign-in-missing": "nothing limits sign-in",
    "limit-sign-in-forwarded": "sign-in believes the address in X-Forwarded-For",
    "limit-uploads-missing": "nothing limits uploads",
    "limit-no-retry-after": "a refused request is not told when to try again",
    "plain-served": "plain HTTP is answered with a page",
    "plain-stays-plain": "plain HTTP leads to plain HTTP",
    "tls-old": "TLS 1.0 and 1.1 are accepted",
    "tls-no-1.3": "TLS 1.3 is refused",
    "tls-stranger": "the certificate is of an authority that nobody trusts",
    "tls-ends-soon": "the certificate ends in three days",
    "tls-other-name": "the certificate is for another host",
}
"""Fault -> what is then wrong."""


def describe_faults() -> dict[str, str]:
    """Return what is wrong with each fault."""
    described = {
        name: ", ".join(
            f"{header} is {value}" if value is not None else f"{header} is missing"
            for header, value in changes.items()
        )
        for name, changes in HEADER_FAULTS.items()
    }
    for name, changes in COOKIE_FAULTS.items():
        [(attribute, value)] = changes.items()
        described[name] = f"the session's cookie has {f'{attribute}={value}' if value else f'no {attribute}'}"
    return {**described, **OTHER_FAULTS}


class PlatformFaults:
    """The faults that are on, as the file says now; without a file none is."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._read_ns = 0
        self._names: frozenset[str] = frozenset()

    def __contains__(self, name: str) -> bool:
        return name in self.names

    @property
    def names(self) -> frozenset[str]:
        """Read the file again if it has changed."""
        try:
            changed_ns = self._file.stat().st_mtime_ns if self._file else 0
            if changed_ns != self._read_ns and self._file:
                with self._file.open("rb") as file:
                    self._names = frozenset(file.read(_MAX_BYTES).decode(errors="replace").split())
        except OSError:
            changed_ns, self._names = 0, frozenset()
        self._read_ns = changed_ns
        return self._names


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}: {text}\n" for name, text in describe_faults().items())
