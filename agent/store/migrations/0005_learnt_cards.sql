-- Cards that were enrolled at the station itself, beside the list that the CSMS sends.
CREATE TABLE learnt_card (
    key TEXT PRIMARY KEY NOT NULL,
    body BLOB NOT NULL
) STRICT;
