"""OCPP on the wire: framing, correlation, schemas and the connection to the CSMS.

The modules at this level are the same for every version of the protocol; what differs between
versions is handed in as data (see `agent.ocpp.dialect`).
"""
