"""Readers of outside systems."""
