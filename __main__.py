"""The stack: settings -> policy gate -> providers -> Platform -> exports."""

import pulumi

from components.platform import Platform
from components.providers import build
from components.settings import PROJECT
from components.stack import outputs, read_secrets, read_settings
from engine import policy_gate

config = pulumi.Config(PROJECT)
settings = read_settings(config)
policy_gate.require(environment=settings.platform.environment, stack=pulumi.get_stack())
secrets = read_secrets(config, settings)
platform = Platform(settings.platform.name, settings, secrets=secrets, providers=build(settings))

for name, value in outputs(platform, settings).items():
    pulumi.export(name, value)
