"""``geoglm explain``: why a model says what it says of a place, or of a whole scene; `run` is the whole of it."""
