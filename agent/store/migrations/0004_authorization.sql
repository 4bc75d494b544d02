-- What the CSMS said of tokens: the local authorization list, and the cache under keyed hashes.
CREATE TABLE local_list (
    key TEXT PRIMARY KEY NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- One row. The number of entries lets a list that lost some be noticed.
CREATE TABLE local_list_version (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    entries INTEGER NOT NULL
) STRICT;

CREATE TABLE authorization_cache (
    key TEXT PRIMARY KEY NOT NULL,
    body BLOB NOT NULL
) STRICT;
