"""``aerial-landcover``: its imagery, its recipe and its card."""
