"""Jobs: one verb, one file. They run from a shell, a notebook or a scheduler alike."""
