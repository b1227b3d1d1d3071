"""The scheduled flows: ingest, train, score, nightly and the back-test."""
