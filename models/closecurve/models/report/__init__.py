"""The model report: what held-back time, the data and the present say of a model, as one page."""
