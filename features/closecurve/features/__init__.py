"""What was known as of a date: snapshots of deals and leads, their labels, the leakage guard."""
