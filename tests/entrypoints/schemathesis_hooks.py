"""What schemathesis does before it calls us; tests/entrypoints/schemathesis.toml loads this file."""

from typing import Any

import schemathesis
from schemathesis import Case, HookContext


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """
    Spell whole numbers as such.

    To JSON Schema `5.0` is an integer, to our bodies it is not (docs/decisions/0002-msgspec.md), and no schema can
    tell them apart. Everything else stays as it was made.
    """
    case.body = _whole(case.body)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
