"""Inference: batches of tiles in, scores out, on whatever device there is."""
