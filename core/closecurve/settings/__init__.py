"""One settings object, from closecurve.toml and the environment."""

from closecurve.settings.settings import Company, ServiceSettings, Settings, load

__all__ = ["Company", "ServiceSettings", "Settings", "load"]
