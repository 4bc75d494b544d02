-- What was given up without an answer of the CSMS: one row for each kind of event, with the last reason.
CREATE TABLE dropped (
    kind TEXT PRIMARY KEY NOT NULL,
    rows INTEGER NOT NULL,
    last_reason TEXT NOT NULL,
    last_row_id INTEGER NOT NULL,
    last_transaction_id TEXT
) STRICT;
