"""``python -m geoglm.train.aerial``."""

from geoglm.train.aerial.recipe import main

main()
