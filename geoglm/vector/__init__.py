"""From class rasters to polygons: arrays in, geometries out."""
