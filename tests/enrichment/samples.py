"""Texts, and what models might say of them, for properties."""

from hypothesis import strategies as st

from mnemo.enrichment.faithfulness import FIELDS

TEXTS = st.text(
    alphabet=st.one_of(st.sampled_from("abz AB.,:/-_@0159\n\t'vVé日ß\u2212"), st.characters()),
    max_size=200,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OUTPUTS = st.dictionaries(st.sampled_from(FIELDS) | TEXTS, JSON, max_size=6)

LONG = st.lists(TEXTS, max_size=12).map(". ".join)
