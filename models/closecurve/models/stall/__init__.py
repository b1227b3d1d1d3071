"""Stall: the probability that a deal does not move, who is flagged for it, and why."""
