"""Lines to servers that the CSMS names: which of them may be talked to, and how.

What fetches images and what sends logs stand on it, so that each rule exists once.
"""
