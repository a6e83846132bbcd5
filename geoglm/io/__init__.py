"""Files and memory in, files out. No torch here."""

import os

# GDAL's block cache is by default a twentieth of all memory, and is sized once, at the first block
os.environ.setdefault("GDAL_CACHEMAX", "128")
