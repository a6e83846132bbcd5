"""The door: every file that geoglm reads comes in here, and is looked at before a library opens it.

`trust` says what may be opened, `kinds` what a file is, `vrt` and `sidecars` what it may draw on; `raster` opens what
has passed.
"""
