"""A mapping guessed from the tables of a source: `mapping.guess_mapping`, written by `toml`."""
