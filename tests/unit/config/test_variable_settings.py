import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.variable_settings import parse_address, setting_text
from agent.core.variable_definition import ComponentKey, ComponentVariable, VariableKey


@pytest.mark.parametrize(
    ("text", "component", "variable"),
    [
        ("A.B", ComponentKey("A"), VariableKey("B")),
        ("A[x].B[y]", ComponentKey("A", "x"), VariableKey("B", "y")),
        ("A[v1.2 x].B", ComponentKey("A", "v1.2 x"), VariableKey("B")),
        ("EVSE@2.EvseId", ComponentKey("EVSE", evse_id=2), VariableKey("EvseId")),
        ("C[i]@1:2.V", ComponentKey("C", "i", 1, 2), VariableKey("V")),
    ],
)
def test_addresses_are_read(text: str, component: ComponentKey, variable: VariableKey) -> None:
    assert parse_address(text) == ComponentVariable(component, variable)


@pytest.mark.parametrize(
    "text", ["", "A", "A.", ".B", "A.B.C", "A[].B", "A[x.B", "A@0.B", "A@x.B", "A:1.B", "A B.C"]
)
def test_malformed_addresses_are_refused(text: str) -> None:
    assert parse_address(text) is None


NAMES = st.from_regex(r"[A-Za-z0-9]{1,50}", fullmatch=True)
INSTANCES = st.none() | st.from_regex(r"[^\[\]]{1,50}", fullmatch=True)
NUMBERS = st.none() | st.integers(1, 9999)


@given(NAMES, INSTANCES, NUMBERS, NUMBERS, NAMES, INSTANCES)
def test_every_address_comes_back_from_its_notation(
    name: str,
    instance: str | None,
    evse: int | None,
    connector: int | None,
    variable: str,
    variable_instance: str | None,
) -> None:
    component = ComponentKey(name, instance, evse, connector if evse else None)
    key = ComponentVariable(component, VariableKey(variable, variable_instance))
    assert parse_address(key.notation) == key


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (300, "300"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        ("a,b", "a,b"),
        (["a", 1, True], "a,1,true"),
        ([], ""),
        (float("nan"), None),
        (float("inf"), None),
        ([["a"]], None),
        ({"a": 1}, None),
    ],
)
def test_toml_values_get_the_text_of_ocpp(value: object, text: str | None) -> None:
    assert setting_text(value) == text
