"""Model packages: what they are, where the shipped ones lie."""
