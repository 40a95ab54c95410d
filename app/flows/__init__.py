"""The stories: what happens from the first check to the last commit. One file, one public function, one transaction."""
