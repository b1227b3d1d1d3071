"""One settings object, from closecurve.toml and the environment."""
