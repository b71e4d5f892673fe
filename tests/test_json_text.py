"""JSON is read and written as Python's own json does it, in ASCII, whoever does the work."""

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authservice import json_text
from authservice.config import Settings

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4), max_leaves=12)


@given(VALUES)
def test_what_is_written_is_ascii_in_one_line_and_says_the_same_to_everybody(value):
    text = json_text.write(value)
    assert text.isascii() and min(text) >= " "
    assert json.loads(text) == value


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 2**64}, -2**63 - 1, {1: "a name that is a number"}, "delete \x7f"])
def test_what_orjson_alone_does_not_write_is_as_python_has_it(value):
    assert json_text.write(value) == json.dumps(value, separators=(",", ":"))


@given(VALUES)
def test_what_anybody_writes_is_read(value):
    escaped, plain = json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)
    if not holds_more_than_64_bits(value):
        assert json_text.read(escaped) == json_text.read(escaped.encode()) == value
        assert json_text.read(plain.encode(errors="surrogatepass")) == value


def holds_more_than_64_bits(value) -> bool:
    if isinstance(value, (list, dict)):
        return any(map(holds_more_than_64_bits, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and not -2**63 <= value < 2**64


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "[1,]", '"\t"', "nul", "1 2", "\xff", "[" * 100_000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises((ValueError, RecursionError)):
        json_text.read(text.encode("latin-1"))


@pytest.mark.parametrize("text", [r'"\ud800"', "NaN", "-Infinity", "\ufeff{}", "[" * 1100 + "]" * 1100])
def test_what_orjson_alone_refuses_is_as_python_has_it(text):
    def of(read):
        try:
            return repr(read(text.encode()))
        except RecursionError:
            return "too deep"

    assert of(json_text.read) == of(json.loads)


def test_a_value_of_another_kind_is_written_as_one_says_or_not_at_all():
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    assert json_text.write({"at": moment}, lambda value: value.timestamp()) == '{"at":1772366400.0}'
    assert json_text.write({"ö": moment}, datetime.isoformat) == r'{"\u00f6":"2026-03-01T12:00:00+00:00"}'
    for value in (b"1", Settings()):
        for default in (None, datetime.isoformat):
            with pytest.raises(TypeError):
                json_text.write({"what": value}, default)


def test_a_whole_number_beyond_64_bits_is_read_as_what_it_is_nearly():
    assert json_text.read("[18446744073709551615, -9223372036854775808]") == [2**64 - 1, -2**63]
    assert json_text.read("[18446744073709551616, -9223372036854775809]") == [2.0**64, -2.0**63]
