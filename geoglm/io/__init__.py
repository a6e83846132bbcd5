"""Files and memory in, files out. No torch here."""
