"""Files of change between dates: pairs of scenes on one grid, tables of polygons, pictures."""
