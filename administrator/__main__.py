"""The administrator's stack: settings -> policy gate -> providers -> Accounts."""

import pulumi

from components.accounts import Accounts
from components.providers import build_aws
from components.settings import PROJECT
from components.stack import read_settings, read_webhooks
from engine import policy_gate

config = pulumi.Config(PROJECT)
settings = read_settings(config)
policy_gate.require(environment=settings.platform.environment, stack=pulumi.get_stack())
if settings.backups:
    Accounts("accounts", settings, providers=build_aws(settings), webhooks=read_webhooks(config, settings))
