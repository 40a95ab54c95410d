"""Steps that several stories share."""

from app.flows.steps.callers import must_act_for_a_tenant, must_be_its_room, must_be_operator, must_hold, must_reach
from app.flows.steps.clients import Client, Credential, admit_client, admit_key, authenticate_client, prove, read_key
from app.flows.steps.lists import cut, open_cursor
from app.flows.steps.tokens import mint_pair, narrowed, signer, target

__all__ = [
    "Client",
    "Credential",
    "admit_client",
    "admit_key",
    "authenticate_client",
    "cut",
    "mint_pair",
    "must_act_for_a_tenant",
    "must_be_its_room",
    "must_be_operator",
    "must_hold",
    "must_reach",
    "narrowed",
    "open_cursor",
    "prove",
    "read_key",
    "signer",
    "target",
]
