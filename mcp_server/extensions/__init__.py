"""Requests that the server takes besides those of the protocol, each a call that is recorded like any other."""
