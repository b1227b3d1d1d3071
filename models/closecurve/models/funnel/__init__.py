"""The funnel: stages, metrics, shape, losses, leaks, concentration, and owners side by side."""
