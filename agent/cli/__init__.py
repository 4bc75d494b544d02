"""The `stationd` command: its commands, their options, and what they print.

Commands that tell facts ask the daemon over its local socket; nothing here knows the station's
own code. Modules of the command line load quickly: what only one command needs is imported there.
"""
