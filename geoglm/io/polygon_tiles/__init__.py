"""Polygons as vector tiles in one file (PMTiles), for maps in the browser: to be looked at, not to be measured."""
