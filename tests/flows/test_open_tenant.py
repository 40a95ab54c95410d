"""Opening tenants, and the operators who may."""

import logging

import pytest

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.look_up import look_up_tenant
from app.flows.open_tenant import open_tenant
from app.flows.refusals import ForbiddenError
from app.flows.results import Limits
from app.foundation.identifiers import print_id
from tests.builders import a_pair, a_tenant, an_operator


def test_a_new_tenant_has_a_key_that_works(tools, admin_key, clock):
    """
    The operator gets the tenant and its first key, which opens sessions at once.
    """
    operator = authenticate_api_key(admin_key, tools)

    opened = open_tenant(operator, "Zürich 🎬 & Söhne", Limits(5, 2, 60), tools)

    caller = authenticate_api_key(opened.key.text, tools)
    assert look_up_tenant(caller, print_id("tenant", opened.tenant.id), tools) == opened.tenant
    assert (opened.tenant.name, opened.tenant.limits) == ("Zürich 🎬 & Söhne", Limits(5, 2, 60))
    assert (opened.tenant.created_at, opened.tenant.suspended) == (clock.now(), False)
    assert opened.key.text.startswith(f"sk_live_{opened.key.id}_")


def test_a_tenant_may_use_what_the_contract_says():
    """
    CONTRACT 3: 100 rooms at once, 10 participants a room, 120 minutes of recording.
    """
    assert Limits() == Limits(100, 10, 120)


def test_only_an_operator_opens_tenants(tenant, tools):
    """
    B8: a tenant makes no tenants.
    """
    with pytest.raises(ForbiddenError):
        open_tenant(authenticate_api_key(tenant.api_key, tools), "Mine", Limits(), tools)


def test_tenants_of_one_name_are_two(tools):
    """
    A name is for people; ids and keys are never shared.
    """
    one, other = a_tenant(tools, "Same"), a_tenant(tools, "Same")

    assert one.id != other.id
    assert one.api_key.split("_")[2] != other.api_key.split("_")[2]
    assert a_pair(tools, one).access_token != a_pair(tools, other).access_token


def test_issued_keys_are_told_by_id_only(tools, caplog):
    """
    B2: neither a tenant's nor an operator's key stands in a log line or in a printed value.
    """
    caplog.set_level(logging.DEBUG)

    opened = open_tenant(None, "Quiet", Limits(), tools)
    operator = an_operator(tools)

    told = {each.getMessage(): each.fields for each in caplog.records if each.name == "chalk.events"}
    assert told["tenant.opened"] == {
        "tenant": print_id("tenant", opened.tenant.id),
        "key": f"key_{opened.key.id}",
    }
    assert told["operator_key.issued"] == {"key": "key_" + operator.split("_")[2]}
    for text in (opened.key.text, operator):
        assert text not in caplog.text + repr(opened) + str(told)
