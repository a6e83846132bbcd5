"""How results come into being: one run at a time, on the disk before they have a name, read again, visible together."""
