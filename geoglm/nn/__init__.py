"""Networks: arrays in, logits out. Nothing here opens a file."""
