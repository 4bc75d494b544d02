-- The first schema: queue of unsent events, open sessions, documents and counters.
PRAGMA application_id = 1937007732;

CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

-- AUTOINCREMENT: an id that was used once never comes back, also after the queue ran empty.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    transaction_id TEXT,
    seq_no INTEGER,
    must_keep INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    monotonic_s REAL NOT NULL,
    utc_ms INTEGER,
    schema INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
    evse_id INTEGER PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE csms_transaction (
    transaction_id TEXT PRIMARY KEY NOT NULL,
    csms_id INTEGER NOT NULL,
    csms TEXT NOT NULL
) STRICT;

CREATE TABLE document (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;

-- The mirror lets the check at the start notice a value that changed on the disk.
CREATE TABLE counter (
    name TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL,
    mirror INTEGER NOT NULL CHECK (mirror = -value)
) STRICT;

-- A second copy on another page: a counter that begins again would give its numbers twice.
CREATE TABLE counter_copy (
    name TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL,
    mirror INTEGER NOT NULL CHECK (mirror = -value)
) STRICT;

CREATE TRIGGER counter_added AFTER INSERT ON counter BEGIN
    INSERT INTO counter_copy (name, value, mirror) VALUES (new.name, new.value, new.mirror)
    ON CONFLICT (name) DO UPDATE SET value = max(value, new.value), mirror = min(mirror, new.mirror);
END;

CREATE TRIGGER counter_changed AFTER UPDATE ON counter BEGIN
    INSERT INTO counter_copy (name, value, mirror) VALUES (new.name, new.value, new.mirror)
    ON CONFLICT (name) DO UPDATE SET value = max(value, new.value), mirror = min(mirror, new.mirror);
END;
