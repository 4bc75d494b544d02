"""The bench: stories and hardware cases in real time, on hardware or on its stand-ins.

Four notions, after labgrid. A *resource* says what a bench has and where it is (a pty, a process, a
relay board). A *driver* does something with one resource, or sees something of it; tests ask for
drivers by the role they need. A *strategy* brings the bench into a named state. A *bench file*
lists the resources. What a bench lacks skips the test that needs it, with the reason.

`sim` has a board that is a process and instruments behind ptys, `virtual` a machine under QEMU,
`desk` relays and adapters on a real desk.
"""
