"""Long campaigns that try to break what the server promises; each also shows that it would have noticed."""
