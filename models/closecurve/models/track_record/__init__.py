"""How forecasts came out at past origins, beside the peers, and where their intervals failed."""
