"""tagship: tag it, ship it, take it back."""

__version__ = "0.1.0"
