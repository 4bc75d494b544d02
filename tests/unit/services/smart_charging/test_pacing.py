"""Who may have more, and when."""

from decimal import Decimal

from agent.services.smart_charging.pacing import Grants, Offer, grants


def offer(wanted: str, granted: str, offered: str | None = None) -> Offer:
    return Offer(Decimal(wanted), Decimal(granted), Decimal(offered or granted))


def granted(*offers: Offer, shared: bool = True) -> tuple[tuple[str, ...], bool]:
    found: Grants = grants(offers, shared=shared)
    return tuple(str(a) for a in found.limits_a), found.waiting


def test_who_gives_up_does_so_at_once_and_others_wait_for_it() -> None:
    assert granted(offer("16", "32"), offer("16", "0")) == (("16", "0"), True)


def test_what_the_pilot_still_says_counts_whatever_was_granted() -> None:
    assert granted(offer("16", "16", "32"), offer("16", "0")) == (("16", "0"), True)
    assert granted(offer("16", "16", "16"), offer("16", "0")) == (("16", "16"), False)


def test_nobody_waits_where_nobody_shares_or_nobody_gets_more() -> None:
    assert granted(offer("16", "32"), offer("16", "0"), shared=False) == (("16", "16"), False)
    assert granted(offer("16", "32"), offer("10", "12")) == (("16", "10"), False)


def test_the_duty_cycle_is_rounded_and_that_is_no_offer_too_many() -> None:
    assert granted(offer("16", "16", "16.04"), offer("16", "0")) == (("16", "16"), False)
