"""Steps that several stories share."""

from app.flows.steps.callers import must_act_for_a_tenant, must_be_its_room, must_be_operator, must_hold, must_reach
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
from app.flows.steps.tokens import mint_pair, narrowed, target

__all__ = [
    "Client",
    "Credential",
    "admit_client",
    "admit_key",
    "authenticate_client",
    "cut",
    "hear_key",
    "is_alive",
    "look_at_key",
    "mint_pair",
    "must_act_for_a_tenant",
    "must_be_its_room",
    "must_be_operator",
    "must_have",
    "must_hold",
    "must_reach",
    "narrowed",
    "open_cursor",
    "prove",
    "read_again",
    "read_refresh_token",
    "renew",
    "retry_tags",
    "signer",
    "target",
    "tend",
    "uses_of_master_keys",
    "verify",
    "wrong",
]
