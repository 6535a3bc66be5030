"""Commands on the files of a server."""
