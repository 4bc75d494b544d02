import pytest

from agent.core.language_tags import is_language_tag


@pytest.mark.requirement("C01.FR.17", "C04.FR.05", "C05.FR.04")
@pytest.mark.parametrize(
    "tag",
    ["en", "nl-BE", "de-1996", "zh-Hant", "sr-Latn-RS", "es-419", "x-whisper", "en-a-bbb-x-a"],
)
def test_well_formed_tags_are_told_from_others(tag: str) -> None:
    assert is_language_tag(tag)
    assert is_language_tag(tag.upper())
    for wrong in (f"{tag}-", f"-{tag}", f"{tag} ", f"{tag}_X", tag.replace("e", "é") + "é"):
        assert not is_language_tag(wrong)


@pytest.mark.parametrize("text", ["", "e", "english_us", "en--US", "en-abcdefghi", "12", "en-x"])
def test_other_texts_are_no_tags(text: str) -> None:
    assert not is_language_tag(text)
