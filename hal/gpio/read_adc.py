"""Reads the tables of analogue inputs: channel, calibration, and how the pilot is sampled."""

from hal.gpio.adc import SPI_MODELS, AdcPlace, Calibration, IioPlace, SpiPlace
from hal.gpio.plateaus import MISS_PROBABILITY, SETTLING_US
from hal.gpio.sampler import BUDGET_S, PeakTiming, Sampling
from hal.gpio.wiring import FeedbackWiring, PeakWiring, SampledWiring
from hal.line_place import read_line
from hal.tables import Options

IIO = "iio"
LONGEST_BUDGET_MS = 15.0


def read_sampled(options: Options) -> SampledWiring:
    """Read the converter that samples the pilot."""
    wiring = SampledWiring(_place(options, calibrated=True), _sampling(options))
    options.finish()
    return wiring


def read_peak(options: Options) -> PeakWiring:
    """Read the two peak detectors of the pilot."""
    reset = options.table("reset")
    wiring = PeakWiring(
        high=read_adc(options.table("high"), calibrated=True),
        low=read_adc(options.table("low"), calibrated=True),
        reset=read_line(reset),
        timing=PeakTiming(
            reset_s=options.number("reset_ms", 1.5, 0.1, 5.0) / 1000,
            settle_s=options.number("settle_ms", 2.0, 1.0, 5.0) / 1000,
        ),
    )
    reset.finish()
    options.finish()
    return wiring


def read_feedback(options: Options) -> FeedbackWiring:
    """Read the voltage that tells the position of a lock's bolt."""
    place = _place(options, calibrated=False)
    low_v, high_v = options.pair("engaged_v", options.members("engaged_v"))
    if low_v >= high_v:
        options.note("engaged_v", "must hold the lower voltage first: [0.0, 0.85]")
    options.finish()
    return FeedbackWiring(place, (low_v, high_v))


def read_adc(options: Options, *, calibrated: bool = False) -> AdcPlace:
    """Read a channel and its calibration, which may be left out unless the circuit needs it."""
    place = _place(options, calibrated=calibrated)
    options.finish()
    return place


def _place(options: Options, *, calibrated: bool) -> AdcPlace:
    kind = options.text("kind", None, (IIO, *SPI_MODELS))
    channel = options.integer("channel", None, 0, 31)
    place = (
        IioPlace(options.text("device"), channel, _scale_mv(options))
        if kind == IIO
        else _spi(options, kind, channel)
    )
    return AdcPlace(place, _calibration(options, required=calibrated))


def _scale_mv(options: Options) -> float | None:
    if "scale_mv" not in options:
        options.expect("scale_mv")
        return None
    return options.number("scale_mv", None, 1e-6, 1e4)


def _spi(options: Options, kind: str, channel: int) -> SpiPlace:
    if kind in SPI_MODELS and channel >= int(kind[-1]):
        options.note("channel", f"is {channel}; the {kind} has {kind[-1]} channels, from 0")
    return SpiPlace(
        model=kind,
        channel=channel,
        bus=options.integer("bus", 0, 0, 9),
        select=options.integer("select", 0, 0, 9),
        reference_v=options.number("reference_v", 3.3, 0.5, 5.5),
    )


def _calibration(options: Options, *, required: bool) -> Calibration:
    points = options.members("calibration")
    if not points and not required:
        return Calibration()
    if len(points) != 2:
        options.note(
            "calibration",
            "must hold two measured points, [[V at the converter, V in front of the circuit],"
            " [..., ...]]",
        )
        return Calibration()
    first, second = (options.pair("calibration", point) for point in points)
    if first[0] == second[0]:
        options.note("calibration", "holds the same voltage at the converter twice")
        return Calibration()
    return Calibration(first, second)


def _sampling(options: Options) -> Sampling:
    return Sampling(
        budget_s=options.number("budget_ms", BUDGET_S * 1000, 0.5, LONGEST_BUDGET_MS) / 1000,
        probability=options.number("miss_probability", MISS_PROBABILITY, 1e-12, 0.01),
        settling_us=options.number("settling_us", SETTLING_US, 0.0, 100.0),
    )
