"""
A request as Authlib wants to see it, without the web framework: headers and parameters, read strictly.

Source: RFC 6749 sections 3.2 and Appendix B.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749.requests import OAuth2Payload, OAuth2Request

from app.flows.refusals import InvalidRequestError
from app.flows.results import Once, Sender, TokenPair

_MOST_PARAMETERS = 50
# RFC 8707 section 2 and RFC 8693 section 2.1 let these stand more than once.
_MAY_REPEAT = frozenset({"resource", "audience"})


class Parameters(OAuth2Payload):
    """The parameters of a request: each once but `resource` and `audience`, and an empty one counts as absent."""

    def __init__(self, given: Mapping[str, str], resources: Sequence[str] = (), audiences: Sequence[str] = ()) -> None:
        self._given = given
        self.resources = resources
        self.audiences = audiences

    @property
    def data(self) -> Mapping[str, str]:
        """Give all parameters by name."""
        return self._given


@dataclass(frozen=True)
class Transport:
    """
    What carried a request: the headers that matter, and who sent it, as far as the network tells; `once` if it may come
    again, and is to be answered alike.
    """

    headers: Mapping[str, str | None]
    sender: Sender
    once: Once[TokenPair] | None = None


class TokenRequest(OAuth2Request):
    """
    A request at the token endpoint, of either dialect.

    `by_possession` marks what came in through Chalk JSON, where the token or key in the body is the only credential;
    the grants of the two dialects do not mix.
    """

    def __init__(self, parameters: Parameters, carried: Transport, *, issuer: str, by_possession: bool) -> None:
        self.__dict__.update(_begun(issuer))
        self.headers = carried.headers
        self.payload = parameters
        self.by_possession = by_possession
        self.sender = carried.sender
        self.once = carried.once


@functools.cache
def _begun(issuer: str) -> Mapping[str, Any]:
    # What Authlib checks of an address, and begins with, is the same for each request. It wants an https URL. Ours
    # comes from the settings, never from the request; that TLS ends at the proxy in front, or at nobody on a
    # developer's machine, is decided there.
    begun: Mapping[str, Any] = vars(OAuth2Request("POST", "https:" + issuer.split(":", 1)[1]))
    return begun


def read_form(body: bytes) -> Parameters:
    """
    Read a form (`application/x-www-form-urlencoded`, UTF-8).

    Raises:
        InvalidRequestError: not such a form, too many parameters, or one of them twice.
    """
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict"
        )
    except ValueError as error:
        raise InvalidRequestError("body", "must be a form in UTF-8 of at most 50 parameters") from error

    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form and name not in _MAY_REPEAT:
            raise InvalidRequestError("body", "must not repeat a parameter")
        form.setdefault(name, value)
    resources, audiences = (
        [value for name, value in pairs if name == repeatable and value] for repeatable in ("resource", "audience")
    )
    return Parameters({name: value for name, value in form.items() if value}, resources, audiences)
