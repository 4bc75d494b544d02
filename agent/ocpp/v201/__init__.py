"""OCPP 2.0.1: one module per functional block, assembled in `codec`.

Only the version that is wanted is imported, when it is wanted.
"""
