"""Targets: what is reached with a stated probability, who carries which part, and the pace."""
