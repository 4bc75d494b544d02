"""The station's durable memory: one SQLite database, hardened for bad power and bad disks.

`database` owns the file and the only writer thread; `outbox`, `sessions`, `settings` and
`counters` keep their tables in it. Nothing here knows OCPP: bodies are opaque bytes.
"""
