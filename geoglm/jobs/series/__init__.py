"""``geoglm series``: many dates of one place made consistent in time; `run` is the whole of it."""
