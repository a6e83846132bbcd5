"""Scenes among the variables of NetCDF files and Zarr stores: which of them are bands, and where they lie."""
