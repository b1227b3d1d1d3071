"""The trees of a fitted curve, read by hand: nodes, the ranges of a leaf, sums along a walk."""
