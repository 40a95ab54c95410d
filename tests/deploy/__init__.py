"""What is deployed beside the server: rules for other people's tools."""
