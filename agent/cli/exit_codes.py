"""Exit codes of the `stationd` command."""

OK = 0
FAILED = 1
USAGE = 2
