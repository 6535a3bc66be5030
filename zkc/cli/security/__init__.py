"""Commands on ACLs and identities."""
