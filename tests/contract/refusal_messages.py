"""How a refusal of the real providers reads to a person."""

from engine import vendor_errors


def explained(vendor: str, kind: str, message: str) -> vendor_errors.VendorRefusal:
    """Read what a provider said of the resource "thing" as `./bulwark` does at the end of a run."""
    token = f"{vendor}:index/{kind}:{kind[0].upper()}{kind[1:]}" if kind else f"pulumi:providers:{vendor}"
    (refusal,) = vendor_errors.read([(f"urn:pulumi:prod::bulwark::{token}::thing", message)])
    assert refusal.resource == "thing"
    return refusal
