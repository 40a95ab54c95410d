"""Those who use the server: honest clients, thieves, admins, and one who looks whether it is there."""
