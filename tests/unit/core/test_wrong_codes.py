import pytest

from agent.core.wrong_codes import WrongCodes


@pytest.mark.requirement("C04.FR.06")
def test_each_wrong_code_after_the_third_doubles_the_rest() -> None:
    codes, now_s, rests = WrongCodes(), 100.0, []
    for _ in range(12):
        codes = codes.after(now_s, accepted=False)
        rests.append(max(0.0, codes.rests_until_s - now_s))
        assert codes.rests(now_s) == (rests[-1] > 0)
        now_s = max(now_s, codes.rests_until_s)
        assert not codes.rests(now_s)
    assert rests == [0, 0, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]


@pytest.mark.requirement("C04.FR.06")
def test_a_right_code_forgives() -> None:
    codes = WrongCodes().after(0, accepted=False).after(0, accepted=False)
    assert codes.after(0, accepted=True) == WrongCodes()
