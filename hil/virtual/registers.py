"""The words of the bench card, as `modules/bench_card.h` has them. A change here is a change there.

Each word is a native 32-bit integer with one writer.
"""

from enum import IntEnum

MAGIC_VALUE = 0x53424331
MEMORY_BYTES = 1 << 16
LINES = 28
PWMS = 2
ADCS = 8
TRACES = 512

MAGIC = 0
SEQUENCE = 1
PROBES = 2
TRACED = 3
LOOKED = 4
NOW = 6
WRITTEN = 8
DIRECTION = 16
OUTPUT = 17
PULL_UP = 18
DRIVEN = 20
INPUT = 21
QUIET = 22
ATTENDED = 23
ANSWERED = 24
OWING = 25
PWM = 32
ADC = 48
ADC_BROKEN = 64
TRACE = 1024

PWM_WORDS = 4
ADC_WORDS = 2
TRACE_WORDS = 4
DEFAULT_PULL_UP = 0x1FF


class Traced(IntEnum):
    """What a record of the trace is about; a PWM's kind is `PWM` plus its channel."""

    LEVELS = 1
    PWM = 2
    PILOT = 8
