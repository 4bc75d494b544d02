"""OCPP 2.1: what differs from 2.0.1, assembled in `codec`.

Only the version that is wanted is imported, when it is wanted.
"""
