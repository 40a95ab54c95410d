"""What happens to servers, networks, clocks and disks while clients are at work."""
