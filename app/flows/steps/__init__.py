"""Steps that several stories share."""

from app.flows.steps.admissions import (
    Authority,
    Opened,
    Wanted,
    authority_of_caller,
    authority_of_client,
    hold,
    member,
    names,
    open_session,
    participant_asked,
    regrade,
)
from app.flows.steps.callers import (
    must_act_for_a_tenant,
    must_be_its_room,
    must_be_operator,
    must_hold,
    must_reach,
    name_of,
)
from app.flows.steps.clients import Client, Credential, admit_client, admit_key, authenticate_client, hear_key, prove
from app.flows.steps.guesses import wrong
from app.flows.steps.lists import cut, open_cursor
from app.flows.steps.master_keys import (
    look_at_key,
    must_have,
    read_refresh_token,
    renew,
    retry_tags,
    uses_of_master_keys,
)
from app.flows.steps.signing import is_alive, read_again, signer, tend, verify
from app.flows.steps.tokens import access_ttl, life_of, mint_pair, narrowed, target

__all__ = [
    "Authority",
    "Client",
    "Credential",
    "Opened",
    "Wanted",
    "access_ttl",
    "admit_client",
    "admit_key",
    "authenticate_client",
    "authority_of_caller",
    "authority_of_client",
    "cut",
    "hear_key",
    "hold",
    "is_alive",
    "life_of",
    "look_at_key",
    "member",
    "mint_pair",
    "must_act_for_a_tenant",
    "must_be_its_room",
    "must_be_operator",
    "must_have",
    "must_hold",
    "must_reach",
    "name_of",
    "names",
    "narrowed",
    "open_cursor",
    "open_session",
    "participant_asked",
    "prove",
    "read_again",
    "read_refresh_token",
    "regrade",
    "renew",
    "retry_tags",
    "signer",
    "target",
    "tend",
    "uses_of_master_keys",
    "verify",
    "wrong",
]
