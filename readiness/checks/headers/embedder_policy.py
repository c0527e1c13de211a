"""Pages embed only what says that it may be embedded."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(
        platform, "cross-origin-embedder-policy", require_value("require-corp", "credentialless")
    )


CHECK: Final = ReadinessCheck(
    id="embedder-policy",
    title="Pages embed only what allows it",
    area="security",
    priority="low",
    looks_at="The header cross-origin-embedder-policy of each watched address.",
    risk=(
        "What another site serves runs in the same process of the browser, and can read the page's memory."
    ),
    fix="Set crossOriginEmbedderPolicy in Helmet's options (Cross-Origin-Embedder-Policy: require-corp).",
    controls=(Control.CIS_4_1,),
    look=_look,
)
