"""Scenes in several files: Sentinel-2 and Landsat products, in a folder or zipped, and bands named by a pattern."""
