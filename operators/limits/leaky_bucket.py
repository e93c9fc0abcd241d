"""Leaky bucket, as the generic cell rate algorithm: requests at an even pace."""

from fractions import Fraction
from typing import ClassVar

from operators.limits.token_bucket import TokenBucket


class LeakyBucket(TokenBucket, frozen=True, gc=False):
    """Lets pass what keeps its distance from the request before, with some tolerance for those that come early.

    This is GCRA (ITU-T I.371, annex A) in its form as a continuous-state leaky bucket: each request pours its cost into
    the bucket, which leaks at a steady rate, and what would make it overflow does not conform. The water in it is what
    is missing from a token bucket, so the arithmetic is the same; other is what one expects of it. Without a burst it
    holds one request: the next passes when the one before has leaked out.
    """

    kind: ClassVar[str] = "bucket"

    @classmethod
    def of(cls, per_second: float | Fraction, burst: float = 1.0) -> "LeakyBucket":
        """A bucket that leaks ``per_second`` requests a second, and holds ``burst`` of them."""
        bucket = TokenBucket.of(per_second, burst)
        return cls(bucket.refill, bucket.token, bucket.capacity, bucket.hertz)
