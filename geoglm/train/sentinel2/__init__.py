"""``sentinel2-landcover``: its scenes, its recipe, its score and its card."""
