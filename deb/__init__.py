"""Makes the Debian package of this repository: `./dev package`."""
