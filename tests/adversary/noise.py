"""What nobody should send, as hypothesis strategies: texts, JSON values, and changes to what is right."""

from hypothesis import strategies as st

from tests.assertions import ASSERTION_TYPE, ISSUER

LATIN = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n"), max_size=60)
SPICE = st.sampled_from(
    [
        *(
            "",
            " ",
            "\0",
            "%",
            "%zz",
            "%00",
            "%ED%A0%80",
            "+",
            ":",
            "::",
            "=",
            "&",
            "ä",
            "\u2028",
            "\U0001f600",
            "'",
            '"',
        ),
        *(
            "' OR 1=1 --",
            "{}",
            "[]",
            "null",
            "NaN",
            "-1",
            "1e999",
            "9" * 400,
            "../..",
            "x" * 3000,
            "\\",
            "a.b.c",
            "...",
        ),
        *("tenant_01h455vb4pex5vsknk084sn02q", "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6", ISSUER),
        *(
            "client_credentials",
            "refresh_token",
            "rooms:read offline_access",
            "e30.e30.e30",
            "eyJhbGciOiJub25lIn0.e30.",
        ),
    ]
)
TEXT = st.one_of(SPICE, st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(),
        TEXT,
        st.sampled_from([ASSERTION_TYPE, ISSUER, "sig", "RSA", "EC", "OKP", "oct", "P-256", "AQAB", "A" * 43]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def mutations(draw, text):
    """Change a text in a place or two."""
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(SPICE) + text[start + draw(st.integers(0, 3)) :]
    return text
