"""Why a probability is what it is: contributions by group, the facts behind them, in words.

Nothing is imported here: the words are needed where models are not.
"""
