"""The door: every file that geoglm reads comes in here, and is looked at before a library opens it.

`trust` says what may be opened, `kinds` what a file is, `vrt` and `sidecars` what it may draw on, `limits` how much
memory its blocks take, `probe` whether GDAL survives it; `raster` and `vectors` open what has passed.
"""
