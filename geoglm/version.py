"""The version, below everything that wants to know it."""

__version__ = "0.1.0"
