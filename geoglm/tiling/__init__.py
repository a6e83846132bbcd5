"""Where to look: tiles, their halos, and shards as units of work. Numbers only."""
