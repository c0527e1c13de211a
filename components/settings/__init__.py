"""What a stack's file may say: one frozen model per block, read once, every error reported together."""

from components.settings.alerting import AlertingSettings, Channel
from components.settings.backups import BackupSettings, ElsewhereSettings, Job, Retention
from components.settings.database import DatabaseSettings
from components.settings.drill import ApplicationSettings, AssertionSettings, DatabaseDrill
from components.settings.errors import ErrorSettings
from components.settings.hosts import RailwaySettings, VercelSettings
from components.settings.load import PROJECT, Problem, Settings, SettingsError, load
from components.settings.oncall import OncallSettings
from components.settings.platform import ObjectiveSettings, PlatformSettings
from components.settings.services import (
    ApiSettings,
    CheckSettings,
    ErrorProjectSettings,
    RequestLimitSettings,
    Services,
    ServiceSettings,
)
from components.settings.stores import (
    DatabaseStore,
    FileStore,
    NeonSettings,
    PostgresSettings,
    S3Settings,
    StoresByName,
    SupabaseSettings,
)
from components.settings.uptime import UptimeSettings

__all__ = [
    "PROJECT",
    "AlertingSettings",
    "ApiSettings",
    "ApplicationSettings",
    "AssertionSettings",
    "BackupSettings",
    "Channel",
    "CheckSettings",
    "DatabaseDrill",
    "DatabaseSettings",
    "DatabaseStore",
    "ElsewhereSettings",
    "ErrorProjectSettings",
    "ErrorSettings",
    "FileStore",
    "Job",
    "NeonSettings",
    "ObjectiveSettings",
    "OncallSettings",
    "PlatformSettings",
    "PostgresSettings",
    "Problem",
    "RailwaySettings",
    "RequestLimitSettings",
    "Retention",
    "S3Settings",
    "ServiceSettings",
    "Services",
    "Settings",
    "SettingsError",
    "StoresByName",
    "SupabaseSettings",
    "UptimeSettings",
    "VercelSettings",
    "load",
]
