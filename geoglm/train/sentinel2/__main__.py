"""``python -m geoglm.train.sentinel2``."""

from geoglm.train.sentinel2.recipe import main

main()
