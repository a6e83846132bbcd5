"""Results in a notebook: maps that are looked at, measured and saved where they are, and bars while that takes time."""
