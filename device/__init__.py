"""The product on a booted Debian, in a container: package, units, updates and power cuts."""
