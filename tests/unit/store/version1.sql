-- A database as the first schema left it: two unsent events, a session, settings and a counter.
PRAGMA page_size = 1024;
PRAGMA application_id = 1937007732;
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body BLOB NOT NULL,
    transaction_id TEXT, seq_no INTEGER, must_keep INTEGER NOT NULL, boot_id TEXT NOT NULL,
    monotonic_s REAL NOT NULL, utc_ms INTEGER, schema INTEGER NOT NULL,
    checksum INTEGER NOT NULL) STRICT;
CREATE TABLE session (evse_id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE csms_transaction (
    transaction_id TEXT PRIMARY KEY NOT NULL, csms_id INTEGER NOT NULL, csms TEXT NOT NULL) STRICT;
CREATE TABLE document (
    kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, key)) STRICT;
CREATE TABLE counter (
    name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL,
    mirror INTEGER NOT NULL CHECK (mirror = -value)) STRICT;
CREATE TABLE counter_copy (
    name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL,
    mirror INTEGER NOT NULL CHECK (mirror = -value)) STRICT;
CREATE TRIGGER counter_added AFTER INSERT ON counter BEGIN
    INSERT INTO counter_copy (name, value, mirror) VALUES (new.name, new.value, new.mirror)
    ON CONFLICT (name) DO UPDATE SET value = max(value, new.value), mirror = min(mirror, new.mirror);
END;
CREATE TRIGGER counter_changed AFTER UPDATE ON counter BEGIN
    INSERT INTO counter_copy (name, value, mirror) VALUES (new.name, new.value, new.mirror)
    ON CONFLICT (name) DO UPDATE SET value = max(value, new.value), mirror = min(mirror, new.mirror);
END;
INSERT INTO meta VALUES ('instance_id', '00112233445566778899aabbccddeeff');
INSERT INTO outbox VALUES
    (41, 'TransactionEvent', x'789C4BCC53C8CF495148CA4FA90400171C03FD', 'tx-4', 0, 1, 'old', 12.5, NULL, 1, 2161374859),
    (42, 'TransactionEvent', x'789C4BCC53C8CF495148CA4FA90400171C03FD', 'tx-4', 1, 0, 'old', 13.5, 1600000000000, 1, 1781556059);
INSERT INTO session VALUES (1, x'789C4BCC53C8CF495148CA4FA90400171C03FD');
INSERT INTO csms_transaction VALUES ('tx-4', 4711, 'wss://csms.example/');
INSERT INTO document VALUES ('variable', 'OCPPCommCtrlr.HeartbeatInterval', x'789C333330000001350097');
INSERT INTO counter VALUES ('pagination', 17, -17);
PRAGMA user_version = 1;
