"""Closing a tenant: it is gone, with everything that acted in its name."""

import pytest

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.close_tenant import close_tenant
from app.flows.look_up import look_up_tenant, look_up_tenants
from app.flows.open_room import open_room
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidAccessTokenError, InvalidApiKeyError, InvalidRefreshTokenError, NotFoundError
from app.flows.rotate_api_key import rotate_api_key
from tests.builders import a_pair, a_room, a_tenant


def test_nothing_of_a_closed_tenant_works(tenant, tools):
    """
    B10, C15: its keys, also one in its grace, its refresh tokens and its access tokens end at once.
    """
    caller = authenticate_api_key(tenant.api_key, tools)
    successor = rotate_api_key(caller, tenant.id, 600, "routine", tools).issued
    pairs = [a_pair(tools, tenant), a_pair(tools, tenant, a_room(tools, tenant))]

    close_tenant(caller, tenant.id, tools)

    for key in (tenant.api_key, successor.text):
        with pytest.raises(InvalidApiKeyError):
            authenticate_api_key(key, tools)
    for pair in pairs:
        with pytest.raises(InvalidRefreshTokenError):
            refresh_access(Refresh(pair.refresh_token or ""), tools)
        with pytest.raises(InvalidAccessTokenError):
            authenticate_access_token(pair.access_token, tools)


def test_a_closed_tenant_is_not_found_any_more(tools, admin_key):
    """
    It is answered like one that never was, also to operators, and cannot be closed again.
    """
    operator, closed = authenticate_api_key(admin_key, tools), a_tenant(tools, "Closed")
    close_tenant(operator, closed.id, tools)

    for story in (close_tenant, look_up_tenant):
        with pytest.raises(NotFoundError):
            story(operator, closed.id, tools)
    assert "Closed" not in [each.name for each in look_up_tenants(operator, None, 100, tools).items]


def test_a_closed_tenant_is_not_written_to(tenant, tools):
    """
    B10: a request that was let in just before finds nothing to rotate.
    """
    caller = authenticate_api_key(tenant.api_key, tools)
    close_tenant(caller, tenant.id, tools)

    with pytest.raises(NotFoundError):
        rotate_api_key(caller, tenant.id, 0, "routine", tools)


def test_a_neighbour_is_not_touched(tenant, tools):
    """
    B8: nobody closes another tenant, and nobody else loses by a closing.
    """
    neighbour = a_tenant(tools, "Neighbour")
    pair = a_pair(tools, neighbour)
    caller = authenticate_api_key(tenant.api_key, tools)

    with pytest.raises(NotFoundError):
        close_tenant(caller, neighbour.id, tools)
    close_tenant(caller, tenant.id, tools)

    assert refresh_access(Refresh(pair.refresh_token or ""), tools).access_token
    assert open_room(authenticate_api_key(neighbour.api_key, tools), "Still here", tools).ended_at is None
