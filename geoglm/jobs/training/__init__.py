"""Teaching a network of one's own: what `geoglm train` does."""
