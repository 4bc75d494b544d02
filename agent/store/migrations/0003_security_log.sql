-- The security log: each entry is sealed together with the one before it. Entries are appended and, when the
-- log is full, given up from the oldest on; `previous` keeps the seal of an entry that is gone.
CREATE TABLE security_log (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    critical INTEGER NOT NULL,
    technical_info TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
