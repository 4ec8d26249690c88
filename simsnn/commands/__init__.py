"""Bodies of the commands: a few lines each over the API, imported only when chosen."""
