"""Figures about maps: arrays in, numbers out."""
