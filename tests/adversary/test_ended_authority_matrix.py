"""What has ended gives no tokens, by any way of asking, and what does not rest on it goes on."""

import pytest

from tests.adversary.ended_scene import Granted, a_scene, bearer_of, life_of, must, read
from tests.adversary.ended_ways import BY_ASSERTION, BY_SECRET, ENDINGS, Person

# The columns of the table, in their order, each with the codes by which both dialects tell of it.
COLUMNS = {
    "compromised": {"UNAUTHORIZED", "invalid_client", "invalid_request"},
    "replaced": {"UNAUTHORIZED", "invalid_client", "invalid_request"},
    "revoked": {"UNAUTHORIZED", "invalid_client", "invalid_request"},
    "expired": {"UNAUTHORIZED", "invalid_client", "invalid_request"},
    "suspended": {"TENANT_SUSPENDED", "UNAUTHORIZED", "unauthorized_client"},
    "resumed": {"UNAUTHORIZED", "invalid_request"},
    "closed": {"UNAUTHORIZED", "invalid_client"},
    "room ended": {"ROOM_ENDED", "UNAUTHORIZED", "invalid_grant", "invalid_request"},
    "room deleted": {"NOT_FOUND", "UNAUTHORIZED", "invalid_request"},
    "removed": {"CONFLICT", "invalid_grant"},
    "banned": {"CONFLICT", "FORBIDDEN", "invalid_grant"},
    "host removed": {"UNAUTHORIZED"},
    "host demoted": {"UNAUTHORIZED"},
    "withdrawn": {"UNAUTHORIZED", "invalid_client", "invalid_request"},
    "all revoked": {"UNAUTHORIZED", "invalid_request"},
    "deleted": set(),
    "callers deleted": {"UNAUTHORIZED", "invalid_request"},
    "leaked": {"UNAUTHORIZED", "invalid_client", "invalid_request"},
}
# For each way of asking, two signs an ending: whether tokens are granted afterwards, and whether the session lives on
# that was granted by that way before.
TABLE = """
                                        1  2  3  4  5  6  7  8  9  10  11  12  13  14  15  16  17  18
exchange                                -- -+ -- -- -- +- -- ++ ++ ++  ++  ++  ++  ++  +-  +-  ++  --
exchange of another key                 ++ ++ ++ ++ -- +- -- ++ ++ ++  ++  ++  ++  ++  +-  +-  ++  ++
exchange for the room                   -- -+ -- -- -- +- -- -- -- ++  ++  ++  ++  ++  +-  +-  ++  --
exchange for a newcomer                 -- -+ -- -- -- +- -- -- -- +-  --  ++  ++  ++  +-  +-  ++  --
exchange for a participant              -- -+ -- -- -- +- -- -- -- --  --  ++  ++  ++  +-  +-  ++  --
client credentials by secret            -- -+ -- -- -- +- -- ++ ++ ++  ++  ++  ++  ++  +-  +-  ++  --
admission by key                        -- -+ -- -- -- +- -- -- -- +-  --  ++  ++  ++  +-  +-  ++  --
admission by the tenant's token         -- ++ -- -- -- -- -- -- -- +-  --  ++  ++  ++  --  +-  -+  --
admission by a token for the room       -- ++ -- -- -- -- -- -- -- +-  --  ++  ++  ++  --  +-  -+  --
admission by the host                   -- ++ -- -- -- -- -- -- -- +-  --  -+  -+  ++  --  +-  -+  --
admission of many by key                -- -+ -- -- -- +- -- -- -- +-  --  ++  ++  ++  +-  +-  ++  --
admission of many by the host           -- ++ -- -- -- -- -- -- -- +-  --  -+  -+  ++  --  +-  -+  --
tokens anew by key                      -- -+ -- -- -- +- -- -- -- --  --  ++  ++  ++  +-  +-  ++  --
tokens anew by the tenant's token       -- ++ -- -- -- -- -- -- -- --  --  ++  ++  ++  --  +-  -+  --
tokens anew by the host                 -- ++ -- -- -- -- -- -- -- --  --  -+  -+  ++  --  +-  -+  --
token exchange of a token               -- ++ -- -- -- -- -- -- -- +-  --  ++  ++  ++  --  +-  -+  --
token exchange of a token for the room  -- ++ -- -- -- -- -- -- -- +-  --  ++  ++  ++  --  +-  -+  --
token exchange of a token, by id        -- ++ -- -- -- -- -- -- -- --  --  ++  ++  ++  --  +-  -+  --
token exchange of a key                 -- -+ -- -- -- +- -- -- -- +-  --  ++  ++  ++  +-  +-  ++  --
token exchange of a key, by id          -- -+ -- -- -- +- -- -- -- --  --  ++  ++  ++  +-  +-  ++  --
client credentials by assertion         ++ ++ ++ ++ -- +- -- ++ ++ ++  ++  ++  ++  --  +-  +-  ++  ++
admission by an assertion's token       ++ ++ ++ ++ -- -- -- -- -- +-  --  ++  ++  --  --  +-  -+  ++
tokens anew by an assertion's token     ++ ++ ++ ++ -- -- -- -- -- --  --  ++  ++  --  --  +-  -+  ++
token exchange of an assertion's token  ++ ++ ++ ++ -- -- -- -- -- +-  --  ++  ++  --  --  +-  -+  ++
"""


def expected():
    """Read the table, column by column."""
    head, *lines = TABLE.strip("\n").splitlines()
    assert head.split() == [str(number) for number, _ in enumerate(COLUMNS, 1)]
    rows = {line[:40].strip(): line[40:].split() for line in lines}
    assert {len(row) for row in rows.values()} == {len(COLUMNS)}
    return {ending: {way: row[place] for way, row in rows.items()} for place, ending in enumerate(COLUMNS)}


def test_the_table_knows_every_way_and_every_ending():
    """
    B10: there is no way of asking, and no ending, of which the table does not say what is right.
    """
    of_table = expected()

    assert set(of_table) == set(ENDINGS)
    for column in of_table.values():
        assert set(column) == {*BY_SECRET, *BY_ASSERTION}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_has_ended_gives_nothing_and_all_else_goes_on(http, tools, clock, ending):
    """
    B10, C13: once something has ended, whatever rests on it gets no token by any way, and what it got before is refused
    at every door and inactive at introspection; what does not rest on it goes on as before.
    """
    outcomes, codes = {}, set()
    for ways in (BY_SECRET, BY_ASSERTION):
        scene = a_scene(http, tools, registered=ways is BY_ASSERTION)
        known = scene.admit("someone").claims["participant_id"]
        before = {name: must(ask(scene, Person(name, known))) for name, ask in ways.items()}

        ENDINGS[ending](scene, before.values())

        again = {name: read(ask(scene, Person(name, known))) for name, ask in ways.items()}
        codes |= {answer for answer in again.values() if not isinstance(answer, Granted)}
        for name, answer in again.items():
            granted = bearer_of(answer, scene) if isinstance(answer, Granted) else "-"
            outcomes[name] = granted + life_of(before[name], scene)

    assert outcomes == expected()[ending]
    assert codes == COLUMNS[ending]


def test_every_way_gives_tokens_that_live_while_nothing_has_ended(http, tools, clock):
    """
    B10: what the table refuses is granted otherwise: each way gives a session that every door takes for a living one.
    """
    for ways in (BY_SECRET, BY_ASSERTION):
        scene = a_scene(http, tools, registered=ways is BY_ASSERTION)
        known = scene.admit("someone").claims["participant_id"]
        for name, ask in ways.items():
            assert life_of(must(ask(scene, Person(name, known))), scene) == "+", name
