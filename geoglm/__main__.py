"""``python -m geoglm``."""

from geoglm.apps.cli import main

if __name__ == "__main__":
    main(prog_name="geoglm")
