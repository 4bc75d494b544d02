"""What the kernel shows as small files: how to find a device there, and the instruments on it."""
