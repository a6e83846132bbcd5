"""What is to be explained, from coordinates and files; and explanations as pictures and maps."""
