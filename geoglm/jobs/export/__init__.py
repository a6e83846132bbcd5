"""A model for elsewhere, or lighter: what `geoglm export` does."""
