"""Asyncio shells around the core, one per functional block; they meet only through ports.

A service owns the state of its block, takes stimuli one at a time, and asks the core what follows.
"""
