"""The nouns: each in a room of its own with its tables and rules, and no room knows another."""
