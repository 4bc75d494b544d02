"""The charging-station software: pure core, protocol codecs, services and their composition."""

__version__ = "0.1.0"
