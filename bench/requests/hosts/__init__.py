"""What is measured: servers with their databases, started, filled and described to the client."""
