"""Samples of a map in GeoPackages: points to label, and how they were drawn."""
