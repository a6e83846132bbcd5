"""``geoglm change``: two dates of one place compared, step by step; `run` is the whole of it."""
