"""A refusal by a real provider as `./bulwark` reports it."""

from engine import vendor_errors


def explain_refusal(vendor: str, kind: str, message: str) -> vendor_errors.VendorRefusal:
    """Read a provider's message about the resource "thing" as `./bulwark` does at the end of a run."""
    token = f"{vendor}:index/{kind}:{kind[0].upper()}{kind[1:]}" if kind else f"pulumi:providers:{vendor}"
    (refusal,) = vendor_errors.read([(f"urn:pulumi:prod::bulwark::{token}::thing", message)])
    assert refusal.resource == "thing"
    return refusal
