import os
import signal

from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine's other work than about the code. New examples are looked for
# wherever tests are run by hand; CI is to say of the same commit the same thing.
settings.register_profile(
    "tests",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("tests")

# A shell without job control starts what it runs in the background with SIGINT ignored, and children inherit that:
# those that are to be interrupted would go on for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
