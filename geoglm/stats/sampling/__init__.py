"""Probability samples of a map: where to look, and what follows for the whole from what is seen."""
