"""What a stack's file may say: one frozen model per block, read once, every error reported together."""

from components.settings.alerting import AlertingSettings, Channel, Severity
from components.settings.backups import BackupSettings, ElsewhereSettings, Job, Retention
from components.settings.database import DatabaseSettings
from components.settings.drill import ApplicationSettings, AssertionSettings, DrillSettings
from components.settings.errors import ErrorSettings
from components.settings.files import FileSettings
from components.settings.load import PROJECT, Problem, Settings, SettingsError, load
from components.settings.platform import ObjectiveSettings, PlatformSettings
from components.settings.services import CheckSettings, ErrorProjectSettings, Services, ServiceSettings
from components.settings.uptime import UptimeSettings

__all__ = [
    "PROJECT",
    "AlertingSettings",
    "ApplicationSettings",
    "AssertionSettings",
    "BackupSettings",
    "Channel",
    "CheckSettings",
    "DatabaseSettings",
    "DrillSettings",
    "ElsewhereSettings",
    "ErrorProjectSettings",
    "ErrorSettings",
    "FileSettings",
    "Job",
    "ObjectiveSettings",
    "PlatformSettings",
    "Problem",
    "Retention",
    "ServiceSettings",
    "Services",
    "Settings",
    "SettingsError",
    "Severity",
    "UptimeSettings",
    "load",
]
