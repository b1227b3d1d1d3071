"""The service: an API and pages over the published results."""
