"""What any service needs."""
