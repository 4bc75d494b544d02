import pytest

pytest.register_assert_rewrite(f"{__name__}.steps_16", f"{__name__}.steps_2x", f"{__name__}.rig")
