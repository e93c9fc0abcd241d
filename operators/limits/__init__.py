"""Rate limiting algorithms: frozen policies with a step from one state to the next, and no clock."""
