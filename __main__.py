"""The stack: settings -> providers -> Platform -> exports."""

import pulumi

from components import secrets
from components.platform import Platform
from components.providers import build
from components.settings import PROJECT
from components.stack import outputs, read_settings

config = pulumi.Config(PROJECT)
settings = read_settings(config)
tokens = secrets.load(settings, config)
platform = Platform(settings.platform.name, settings, secrets=tokens, providers=build(settings, tokens))

for name, value in outputs(platform, settings).items():
    pulumi.export(name, value)
