"""`chalk-auth demo`: from nothing to a first token in a minute."""

import click

from app.entrypoints.cli.database import migrate
from app.entrypoints.cli.serve import start
from app.entrypoints.cli.supervision import Listen, must_be_free
from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.set_up_demo import Demo, set_up_demo

_TRY = """
# Paste the lines above into a second shell, then try:

# The tenant, by API key
curl -X GET "$BASE_URL/api/v1/tenants/$TENANT_ID" \\
-H "X-API-Key: $API_KEY"

# The API key for a token pair
curl -X POST "$BASE_URL/api/v1/auth/token" \\
-H "Content-Type: application/json" \\
-d '{"api_key": "'"$API_KEY"'"}'

# The same once more, kept as $ACCESS_TOKEN and $REFRESH_TOKEN
eval "$(curl -s -X POST "$BASE_URL/api/v1/auth/token" \\
-H "Content-Type: application/json" \\
-d '{"api_key": "'"$API_KEY"'"}' \\
| sed 's/.*"access_token":"\\([^"]*\\)","refresh_token":"\\([^"]*\\)".*/ACCESS_TOKEN=\\1 REFRESH_TOKEN=\\2/')"

# With these: a room, by access token, and the next pair
curl -X GET "$BASE_URL/api/v1/rooms/$ROOM_ID" \\
-H "Authorization: Bearer $ACCESS_TOKEN"

curl -X POST "$BASE_URL/api/v1/auth/refresh" \\
-H "Content-Type: application/json" \\
-d '{"refresh_token": "'"$REFRESH_TOKEN"'"}'
"""

_KEPT = """
# The database of an earlier start is kept, and a key is shown once. To make new ones:
#   .venv/bin/chalk-auth tenants create --name "Demo"
#   .venv/bin/chalk-auth admin-key create
# To begin anew, stop the server and remove var/ .
"""


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.pass_obj
def demo(launcher: Launcher, port: int, workers: int) -> None:
    """Migrate, make a demo tenant and room, print how to reach them, and serve on 127.0.0.1."""
    # No proxy stands in front of a demo, so a slow client must not have the only thread.
    listen = Listen("127.0.0.1", port, workers, threads=8)
    # First, since what follows makes keys that are shown once.
    must_be_free(listen)
    migrate(launcher)
    made = set_up_demo(wiring_of(launcher.open_ready()).tools)
    start(launcher, listen, lambda: _announce(made, port))


def _announce(made: Demo, port: int) -> None:
    lines = {
        "BASE_URL": f"http://127.0.0.1:{port}",
        "TENANT_ID": made.tenant_id,
        "API_KEY": made.api_key,
        "ADMIN_KEY": made.admin_key,
        "ROOM_ID": made.room_id,
    }
    click.echo("\n".join(f"{name}={value}" for name, value in lines.items() if value is not None))
    click.echo(_TRY if made.api_key is not None else _KEPT)
