"""The bench `virtual`."""
