"""``geoglm sample`` and ``geoglm assess``: where to look on a map, and what the looking says of it."""
