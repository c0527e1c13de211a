"""The policy pack `bulwark`; the engine starts it and talks to it until the operation ends."""

from pulumi_policy import EnforcementLevel, PolicyPack

from policies import decode_once
from policies.pack import policies
from policies.rules import RULES
from toolchain.engine_watch import end_with_engine

end_with_engine()
decode_once.install()
# The SDK's own default is advisory, which refuses nothing.
PolicyPack("bulwark", policies(RULES), enforcement_level=EnforcementLevel.MANDATORY)
