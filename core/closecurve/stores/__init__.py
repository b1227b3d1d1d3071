"""Where history, results and models are kept."""
