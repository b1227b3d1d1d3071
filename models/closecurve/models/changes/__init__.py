"""What changed between two instants, deal by deal, so that the effects add up to the difference."""
