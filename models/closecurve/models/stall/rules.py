"""The names that flags are made of: what is published, and what the words are chosen by."""

FLAGGED, ON_COURSE = "flagged", "on_course"
"""The verdicts on an open deal."""

CHECKPOINTS = {"decision": 30.0, "follow_up": 15.0, "weekly_review": 7.0}
"""The checkpoints with the days after which each is missed, the gravest first: days without a move
forward for the decision, days without activity and change for the others."""

PARTS = ("upper", "middle", "lower")
TOGETHER = "together"
"""The step where no single circumstance stands out: all that the model reads, taken together."""
