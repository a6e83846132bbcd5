"""Training: labelled imagery in, a model package out. Run by hand; nothing at segment time needs it."""
