"""Lead quality: grades, deadlines, the queue, sub-scores, and what a conversion brings.

Nothing is imported here: the settings need the grade policy alone.
"""
