"""What a pixel means: whether it is valid, and which number it is."""
