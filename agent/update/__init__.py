"""Firmware bundles and the slots that they go into.

A bundle is verified as a whole before anything in it is read; nothing in it is ever run before it
is in a slot that may be tried.
"""
