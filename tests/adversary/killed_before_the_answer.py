"""
The server as `chalk-auth serve` runs it, except that a request can ask it to die when its answer is ready to be sent.

Run as `python -m tests.adversary.killed_before_the_answer serve`, with the options of `chalk-auth serve`.
"""

import os
import signal
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from app import factory
from app.entrypoints import cli
from app.entrypoints.wiring import Launcher

HEADER = "X-Die-Before-The-Answer"


def create_app() -> WSGIApplication:
    """Wrap the application: the header says who ends by SIGKILL, the `worker` or the whole `server`."""
    application = factory.create_app()

    def answer_or_die(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = application(environ, start_response)
        who = environ.get("HTTP_" + HEADER.upper().replace("-", "_"))
        if who == "server":
            os.kill(os.getppid(), signal.SIGKILL)
        if who is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return answer_or_die


if __name__ == "__main__":
    target = "tests.adversary.killed_before_the_answer:create_app"
    cli.run(Launcher(open=factory.create_app, open_ready=factory.create_app, migrations="", target=target))
