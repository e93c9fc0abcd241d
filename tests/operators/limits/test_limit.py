from typing import Any

import pytest

from operators.limits.concurrency import Concurrency
from operators.limits.fixed_window import FixedWindow
from operators.limits.leaky_bucket import LeakyBucket
from operators.limits.limit import Algorithm, Limit
from operators.limits.sliding_window_counter import SlidingWindowCounter
from operators.limits.sliding_window_log import SlidingWindowLog
from operators.limits.token_bucket import TokenBucket

RATE = {"requests": 100, "window": 60}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"per_second": 2.5, "burst": 10}, TokenBucket.of(2.5, 10)),
        (RATE, TokenBucket.of(100 / 60, 100)),
        ({**RATE, "burst": 120}, TokenBucket.of(100 / 60, 120)),
        ({**RATE, "algorithm": "leaky_bucket"}, LeakyBucket.of(100 / 60, 1)),
        ({**RATE, "algorithm": "leaky_bucket", "burst": 5}, LeakyBucket.of(100 / 60, 5)),
        ({"per_second": 2, "algorithm": "leaky_bucket"}, LeakyBucket.of(2, 1)),
        ({**RATE, "algorithm": Algorithm.FIXED_WINDOW}, FixedWindow.of(100, 60)),
        ({**RATE, "algorithm": "sliding_window_log"}, SlidingWindowLog.of(100, 60)),
        ({**RATE, "algorithm": "sliding_window_counter"}, SlidingWindowCounter.of(100, 60)),
        ({"concurrent": 3, "lease": 30}, Concurrency.of(3, 30)),
    ],
)
def test_a_limit_says_what_is_counted_and_how(fields: dict[str, Any], rule: object) -> None:
    assert Limit("calls", **fields).rule() == rule


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"per": "user"}, "per must be principal, session, address, method, tool or server, or several joined by +"),
        ({"per": "principal+user"}, "per must be .*, not 'principal\\+user'"),
        ({"per": ()}, "per must be .*, not \\(\\)"),
        ({"per": "tool+tool"}, "per names something twice: 'tool\\+tool'"),
        ({"per": ("server", "tool")}, "per server is everyone, and stands alone"),
        ({"methods": ()}, "methods must name at least one method, or \\* for every one"),
        ({"tools": ("",)}, "tools an empty pattern covers nothing"),
        ({"per_second": 0}, "per_second must be above 0, or requests and window be given"),
        ({"per_second": -1}, "per_second must be a number from 0 on, not -1"),
        ({"per_second": float("nan")}, "per_second must be a number from 0 on, not nan"),
        ({"burst": 0.5}, "burst must be at least 1"),
        ({"burst": float("inf")}, "burst must be a number from 0 on, not inf"),
        ({"requests": 5, "window": 1}, "per_second does not go with requests: give the rate once"),
        ({"per_second": 1e-12, "burst": 1e12}, "per_second 1e-12 a second .* cannot be counted exactly"),
        ({"cost": {"dear": 2}}, "cost of 'dear' is 2, and more than 1 never pass at once"),
        ({"cost": {"odd": 0.0001}}, "cost of 'odd' must be a number of thousandths from 0 on, not 0.0001"),
        ({"cost": {"paid": -1}}, "cost of 'paid' must be a number of thousandths from 0 on, not -1"),
        ({"algorithm": "leaking"}, "algorithm must be one of token_bucket, .*, not 'leaking'"),
        ({"algorithm": "fixed_window"}, "per_second does not go with fixed_window: give requests and window"),
        ({"algorithm": "fixed_window", "per_second": 0, "burst": 0}, "requests must be above 0 for fixed_window"),
        (
            {"algorithm": "sliding_window_log", "per_second": 0, "burst": 0, "requests": 10**5, "window": 1},
            "requests a log holds at most 10000 requests; sliding_window_counter takes more",
        ),
        (
            {"algorithm": "fixed_window", "per_second": 0, "burst": 0, "requests": 0.5, "window": 1},
            "requests must be at least 1",
        ),
        ({"concurrent": 2}, "per_second does not go with concurrent, which limits how many run and not how often"),
        ({"concurrent": 2, "per_second": 0, "burst": 0, "algorithm": "fixed_window"}, "algorithm does not go with"),
        ({"concurrent": 10**6, "per_second": 0, "burst": 0}, "concurrent must be at most 10000"),
        ({"concurrent": 2, "per_second": 0, "burst": 0, "lease": 0.5}, "lease must be at least 1 second"),
    ],
)
def test_a_mistake_is_told_with_the_limit_and_the_field(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^limit 'calls': {problem}"):
        Limit("calls", **{"per": "session", "per_second": 1, "burst": 1, **fields})
