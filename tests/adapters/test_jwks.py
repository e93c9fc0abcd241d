"""The keys of an issuer: fetched when they are needed, anew when it has others, and not more often than that."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from adapters.grant import BadCredential, Unverifiable
from adapters.guarded_fetch import GuardedFetch, NotFetched
from adapters.jwks import ALGORITHMS, FRESH, PAUSE, STALE, KeySet, metadata_urls, usable
from adapters.tokens import Tokens
from tests.adapters.issuer import AUDIENCE, Issuer, issuing, jwk, key, token


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def keys_of(issuer: Issuer, clock: Clock, *, url: str = "") -> KeySet:
    return KeySet(issuer.url, url, GuardedFetch([issuer.url]), clock)


async def test_keys_are_found_by_the_metadata_of_their_issuer() -> None:
    async with issuing(jwk("RS256"), jwk("ES256"), jwk("EdDSA")) as issuer:
        keys = keys_of(issuer, Clock())
        for kind in ALGORITHMS:
            assert (await keys.key(f"{kind}-0", kind)).key_id == f"{kind}-0"
        assert issuer.asked == [
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
            "/jwks",
        ]


async def test_a_new_key_is_taken_when_a_token_is_signed_with_it() -> None:
    clock = Clock()
    async with issuing(jwk("RS256", 0)) as issuer:
        keys = keys_of(issuer, clock, url=f"{issuer.url}/jwks")
        tokens = Tokens(AUDIENCE, None, issuer.url, keys)
        assert (await tokens.grant(token("RS256", 0, iss=issuer.url))).principal == "alice"
        issuer.keys = [jwk("RS256", 1)]
        clock.now += PAUSE
        assert (await tokens.grant(token("RS256", 1, iss=issuer.url))).principal == "alice"
        assert keys.changes == 2
        with pytest.raises(BadCredential):  # which the issuer has withdrawn
            await tokens.grant(token("RS256", 0, iss=issuer.url))
        assert issuer.asked == ["/jwks"] * 2


async def test_a_withdrawn_key_goes_after_a_while_also_when_nobody_shows_another() -> None:
    clock = Clock()
    async with issuing(jwk("RS256", 0)) as issuer:
        keys = keys_of(issuer, clock)
        await keys.key("RS256-0", "RS256")
        issuer.keys = []
        clock.now += FRESH
        await keys.key("RS256-0", "RS256")
        clock.now += 1
        with pytest.raises(BadCredential):
            await keys.key("RS256-0", "RS256")


async def test_however_many_unknown_keys_are_named_the_issuer_is_asked_once_in_a_while() -> None:
    clock = Clock()
    async with issuing(jwk("RS256")) as issuer:
        keys = keys_of(issuer, clock, url=f"{issuer.url}/jwks")
        await keys.key("RS256-0", "RS256")
        for number in range(100):
            with pytest.raises(BadCredential):
                await keys.key(f"unknown {number}", "RS256")
        assert len(issuer.asked) == 1  # a moment ago there was no other
        clock.now += PAUSE
        for number in range(100):
            with pytest.raises(BadCredential):
                await keys.key(f"unknown {number}", "RS256")
        assert len(issuer.asked) == 2
        assert (await keys.key("RS256-0", "RS256")).key_id == "RS256-0"


async def test_while_the_issuer_is_away_its_keys_count_for_a_day_and_no_longer() -> None:
    clock = Clock()
    async with issuing(jwk("RS256")) as issuer:
        keys = keys_of(issuer, clock)
        await keys.key("RS256-0", "RS256")
        issuer.broken = True
        clock.now += STALE
        assert (await keys.key("RS256-0", "RS256")).key_id == "RS256-0"
        clock.now += 1
        with pytest.raises(Unverifiable):
            await keys.key("RS256-0", "RS256")
        issuer.broken = False
        clock.now += PAUSE
        assert (await keys.key("RS256-0", "RS256")).key_id == "RS256-0"


async def test_an_issuer_that_was_never_there_is_no_fault_of_the_caller() -> None:
    async with issuing(jwk("RS256")) as issuer:
        issuer.broken = True
        with pytest.raises(Unverifiable):
            await keys_of(issuer, Clock()).key("RS256-0", "RS256")


async def test_metadata_of_another_issuer_is_not_believed() -> None:
    async with issuing(jwk("RS256")) as issuer:
        keys = KeySet(f"{issuer.url}/", "", GuardedFetch([issuer.url]), Clock())
        with pytest.raises(NotFetched, match="another issuer"):
            await keys._keys_url()


def test_metadata_is_looked_for_where_the_specifications_say() -> None:
    assert metadata_urls("https://a.example") == (
        "https://a.example/.well-known/oauth-authorization-server",
        "https://a.example/.well-known/openid-configuration",
    )
    assert metadata_urls("https://a.example/tenant/") == (
        "https://a.example/.well-known/oauth-authorization-server/tenant",
        "https://a.example/.well-known/openid-configuration/tenant",
        "https://a.example/tenant/.well-known/openid-configuration",
    )


def private(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = RSAAlgorithm.to_jwk(key(kind), as_dict=True)
    return found


@pytest.mark.parametrize(
    "unfit",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a"},
        jwk("RS256", use="enc"),
        jwk("RS256", alg="RS512"),
        jwk("RS256", alg="HS256"),
        jwk("RS256", key_ops=["sign"]),
        jwk("EdDSA", crv="Ed448"),
        jwk("ES256", crv="P-384"),
        {**jwk("RS256"), "n": "AQ"},
        {**jwk("RS256"), "n": 5},
        {"kty": "RSA"},
        {},
        5,
        RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True),
        ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True),
        private("RS256"),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, dict) else str(each),
)
def test_a_key_that_is_none_for_signatures_of_ours_is_left_out(unfit: Any) -> None:
    good = jwk("ES256", use="sig", alg="ES256", key_ops=["verify"])
    assert list(usable({"keys": [unfit, good]})) == [("ES256-0", "ES256")]


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "RS256"}], ids=str)
def test_a_document_without_keys_has_none(document: dict[str, Any]) -> None:
    assert usable(document) == {}
