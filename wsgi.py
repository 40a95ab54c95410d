"""The WSGI application, for servers that want a module: `wsgi:app`."""

from app.factory import create_app

app = create_app()
