"""Typed configuration: the station's file, read once, and the device model that comes from it."""
