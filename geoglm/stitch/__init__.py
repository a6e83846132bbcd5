"""From tiles to a seamless map: cut at the core, or faded as a partition of unity."""
