"""Which tokens are taken: the right ones, and no other of hundreds that are nearly right."""

import asyncio
import base64
import hmac
import json
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from adapters.grant import BadCredential, Grant
from adapters.jwks import ALGORITHMS, KeySet
from adapters.tokens import LONGEST_TOKEN, Tokens
from events.event import Origin, Step
from events.observed import SessionOpened
from events.record import pack, unpack
from tests.adapters.issuer import AUDIENCE, ISSUER, SECRET, claims, jwk, key, own, raw, token


class Published:
    """What an issuer publishes, without a network."""

    async def json(self, _url: str) -> dict[str, Any]:
        return {"keys": [jwk(kind) for kind in ALGORITHMS]}


def tokens() -> Tokens:
    return Tokens(AUDIENCE, SECRET, ISSUER, KeySet(ISSUER, f"{ISSUER}/jwks", Published(), time.monotonic))


async def test_the_right_token_is_taken_however_it_may_be_signed() -> None:
    for kind in ALGORITHMS:
        grant = await tokens().grant(token(kind, client_id="app", groups=["ops"]))
        assert grant == Grant("alice", ("read", "write"), ("ops",), grant.expires, "app")
        assert grant.expires is not None
        assert grant.expires > time.time()
    assert (await tokens().grant(own(sub="bob"))).principal == "bob"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["https://other.example", AUDIENCE]},
        {"scope": None, "scp": ["read", "write"]},
        {"sub": None, "client_id": "alice"},
        {"more": {"of": ["anything"]}},
    ],
    ids=str,
)
async def test_what_a_token_may_look_like_besides(changed: dict[str, Any]) -> None:
    grant = await tokens().grant(token(**changed))
    assert (grant.principal, grant.scopes) == ("alice", ("read", "write"))


async def test_clocks_may_differ_a_little() -> None:
    now = int(time.time())
    several: list[dict[str, Any]] = [{"exp": now - 3}, {"nbf": now + 3}, {"nbf": now - 3}, {"iat": now + 3}]
    for changed in several:
        assert (await tokens().grant(token(**changed))).principal == "alice"


@pytest.mark.parametrize(
    "headers",
    [{"typ": "at+jwt"}, {"typ": "application/at+jwt"}, {"typ": None}, {"jku": "https://evil.example"}, {"x5u": "x"}],
    ids=str,
)
async def test_what_a_header_brings_along_is_not_looked_at(headers: dict[str, Any]) -> None:
    assert (await tokens().grant(token(headers=headers))).principal == "alice"


# What is not taken


def tampered(chance: random.Random) -> Iterator[tuple[str, str]]:
    """Right tokens, of which something was changed."""
    for kind in (*ALGORITHMS, "HS256"):
        good = own() if kind == "HS256" else token(kind)
        head, body, signature = good.split(".")
        data = base64.urlsafe_b64decode(signature + "==")
        for _ in range(30):
            bit = chance.randrange(len(data) * 8)
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            yield f"{kind}: bit {bit} of the signature", f"{head}.{body}.{_text(bytes(flipped))}"
        for _ in range(20):
            length = chance.randrange(len(good))
            yield f"{kind}: cut to {length}", good[:length]
        other = _text(json.dumps(claims(sub="root")).encode())
        yield f"{kind}: another body", f"{head}.{other}.{signature}"
        yield f"{kind}: no signature", f"{head}.{body}."
        yield f"{kind}: another's signature", f"{head}.{body}.{token('ES256').split('.')[2][:-4]}AAAA"


def confused() -> Iterator[tuple[str, str]]:
    """Tokens that count on a server that lets them say how they are to be verified."""
    for none in ("none", "None", "NONE", "nOnE", "", None, 0, ["RS256"], {"alg": "RS256"}):
        for signature in (b"", b"x"):
            for kid in ("RS256-0", None):
                yield f"alg {none!r}", raw({"alg": none, "typ": "JWT", "kid": kid}, claims(), signature)
    for kind in ("RS256", "ES256", "EdDSA"):
        public = key(kind).public_key()
        forms = [
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            json.dumps(jwk(kind)).encode(),
            b"",
            b"secret",
        ]
        for secret in forms:
            for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
                for iss in (ISSUER, "mcp-rewind"):
                    header = {"alg": alg, "typ": "JWT", "kid": f"{kind}-0"}
                    yield f"{alg} with the public {kind} key", _signed(header, claims(iss=iss), secret, digest)
    weak = rsa.generate_private_key(65537, 2048)
    for alg in ("RS384", "RS512", "PS256", "PS512"):
        yield f"{alg}, which is not taken", jwt.encode(claims(), key("RS256"), alg, {"kid": "RS256-0"})
    for alg in ("HS384", "HS512"):
        yield f"{alg} with our own key", jwt.encode(claims(iss="mcp-rewind"), SECRET * 2, alg)
        yield f"{alg} with our own key", _signed({"alg": alg}, claims(iss="mcp-rewind"), SECRET, f"sha{alg[2:]}")
    yield "RS256 under the id of another kind", jwt.encode(claims(), key("RS256"), "RS256", {"kid": "ES256-0"})
    yield "another's RSA key", jwt.encode(claims(), weak, "RS256", {"kid": "RS256-0"})


def injected() -> Iterator[tuple[str, str]]:
    """Tokens that bring a key along."""
    evil, curve = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    rsa_key, ec_key = (
        json.loads(RSAAlgorithm.to_jwk(evil.public_key())),
        json.loads(ECAlgorithm.to_jwk(curve.public_key())),
    )
    pem = base64.b64encode(evil.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    for kid in ("RS256-0", "evil", None, "../../dev/null", "' OR 1=1", "http://127.0.0.1/key"):
        for name, value in (
            ("jwk", rsa_key),
            ("jku", "https://evil.example/jwks"),
            ("x5u", "https://evil.example/cert"),
            ("x5c", [pem]),
            ("x5t", "AAAA"),
            ("jwk", {**rsa_key, "kid": "RS256-0"}),
        ):
            header = {"kid": kid, name: value} if kid else {name: value}
            yield f"{name} with kid {kid!r}", jwt.encode(claims(), evil, "RS256", header)
        yield (
            f"an EC jwk with kid {kid!r}",
            jwt.encode(claims(), curve, "ES256", {"jwk": ec_key, **({"kid": kid} if kid else {})}),
        )


def misdirected() -> Iterator[tuple[str, str]]:
    """Tokens that are well signed, and for somebody or some time else."""
    now = int(time.time())
    ends: tuple[Any, ...] = (now - 11, now - 3600, 0, -1, None, "soon", [], "1e999", True)
    begins: tuple[Any, ...] = (now + 60, now + 10**9, "later", [])
    wrong: list[dict[str, Any]] = [
        *(
            {"aud": aud}
            for aud in ("https://other.example/mcp", AUDIENCE + "/", AUDIENCE.upper(), [], [""], None, "", 5)
        ),
        *({"aud": aud} for aud in (f"{AUDIENCE}.evil.example", {"a": AUDIENCE}, [AUDIENCE[:-1]], AUDIENCE[:-4])),
        *({"iss": iss} for iss in (f"{ISSUER}/", "https://evil.example", ISSUER.upper(), None, "", 5, [ISSUER])),
        *({"exp": exp} for exp in ends),
        *({"nbf": nbf} for nbf in begins),
        *({"iat": iat} for iat in (now + 600, "later")),
        *({"sub": sub} for sub in ("", 5, "anonymous", "key:alice", "a" * 257, "a\nb", "\ud800", None, "\u202e")),
        *({"scope": scope} for scope in (5, {"a": 1}, ["read", 5], " ".join(map(str, range(300))), "\x1b[31m")),
        *({"groups": groups} for groups in (5, [5], ["a" * 300])),
        *({"client_id": client} for client in (5, "", "a" * 300)),
    ]
    for changed in wrong:
        for kind in (*ALGORITHMS, "HS256"):
            given = claims(**({"iss": "mcp-rewind"} if kind == "HS256" and "iss" not in changed else {}), **changed)
            yield f"{kind}: {changed}", _free(kind, given)
    yield "HS256 in the name of another", own(iss="https://evil.example")
    yield "the issuer in our name", token(iss="mcp-rewind")


def strange() -> Iterator[tuple[str, str]]:
    """Headers and shapes that are none of a token's."""
    headers: tuple[dict[str, Any], ...] = (
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": True},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
        {"kid": "unknown"},
        {"kid": ""},
    )
    for header in headers:
        for kind in ALGORITHMS:
            yield f"{kind}: {header}", _free(kind, claims(), **header)
    good = token()
    yield from (("shape", text) for text in ("", ".", "..", "...", "a.b.c", good + ".", f".{good}", good + "." + good))
    yield from (
        ("shape", text) for text in (good + "=", " " + good, good.replace(".", "\u2024"), "\ud800" * 3, "ü.ü.ü")
    )
    yield "too long", token(filler="x" * LONGEST_TOKEN)
    yield "a body that is no object", raw({"alg": "HS256"}, b"[]", b"")
    yield "an exp beyond all numbers", _signed({"alg": "HS256"}, b'{"exp":1e999}', SECRET, "sha256")
    deep = b'{"a":' * 2000 + b"1" + b"}" * 2000
    yield "deep", _signed({"alg": "HS256"}, deep[:4000], SECRET, "sha256")


def _free(kind: str, given: dict[str, Any], **more: Any) -> str:
    """A token that is signed well, whatever it says: PyJWT would not make all of these."""
    header = {"alg": kind, "typ": "JWT", "kid": f"{kind}-0", **more}
    unsigned = raw(header, given).rpartition(".")[0]
    algorithm = jwt.get_algorithm_by_name(kind)
    signature = algorithm.sign(unsigned.encode(), algorithm.prepare_key(SECRET if kind == "HS256" else key(kind)))
    return f"{unsigned}.{_text(signature)}"


def _signed(header: dict[str, Any], body: dict[str, Any] | bytes, secret: bytes, digest: str) -> str:
    unsigned = raw(header, body).rpartition(".")[0]
    return f"{unsigned}.{_text(hmac.digest(secret, unsigned.encode(), digest))}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def wrong_tokens() -> list[tuple[str, str]]:
    return [*tampered(random.Random(7)), *confused(), *injected(), *misdirected(), *strange()]


async def test_of_hundreds_of_wrong_tokens_none_is_taken() -> None:
    verifier = tokens()
    wrong = wrong_tokens()
    assert len({text for _, text in wrong}) > 500
    taken = []
    for told, text in wrong:
        with suppress(BadCredential):
            taken.append((told, await verifier.grant(text)))
    assert taken == []
    for kind in ALGORITHMS:  # and none of them has spoilt it for the right one
        assert (await verifier.grant(token(kind))).principal == "alice"
        assert (await verifier.grant(_free(kind, claims()))).principal == "alice"
    assert (await verifier.grant(_free("HS256", claims(iss="mcp-rewind")))).principal == "alice"


async def test_a_server_takes_no_kind_of_token_that_it_was_not_told_of() -> None:
    only_secret, only_issuer = Tokens(AUDIENCE, SECRET), Tokens(AUDIENCE, None, ISSUER, tokens()._keys)
    assert (await only_secret.grant(own())).principal == "alice"
    assert (await only_issuer.grant(token())).principal == "alice"
    with pytest.raises(BadCredential, match="signed in a way that is not taken here"):
        await only_secret.grant(token())
    with pytest.raises(BadCredential, match="signed in a way that is not taken here"):
        await only_issuer.grant(own())
    with pytest.raises(BadCredential, match="another issuer"):
        await only_secret.grant(own(iss=ISSUER))


async def test_a_token_without_an_id_is_verified_only_where_one_key_can_be_meant() -> None:
    assert (await tokens().grant(token(headers={"kid": None}))).principal == "alice"

    class Two:
        async def json(self, _url: str) -> dict[str, Any]:
            return {"keys": [jwk("RS256"), jwk("RS256", 1)]}

    several = Tokens(AUDIENCE, None, ISSUER, KeySet(ISSUER, "https://x", Two(), time.monotonic))
    assert (await several.grant(token("RS256", 1))).principal == "alice"
    with pytest.raises(BadCredential):
        await several.grant(token(headers={"kid": None}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
claims_of_any_kind = st.dictionaries(
    st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "scp", "groups", "client_id", "azp"]),
    json_values,
)


@given(
    st.text()
    | st.text("abcAB01-_.=", max_size=60)
    | st.tuples(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "b64"]), json_values), claims_of_any_kind).map(
        lambda parts: raw(parts[0], parts[1], b"x")
    )
)
def test_whatever_is_shown_is_refused_in_words(shown: str) -> None:
    with pytest.raises(BadCredential) as refused:
        asyncio.run(tokens().grant(shown))
    assert shown not in str(refused.value) or len(shown) < 3


@given(claims_of_any_kind)
def test_whatever_a_well_signed_token_says_it_is_a_caller_that_can_be_recorded_or_refused(said: dict[str, Any]) -> None:
    given = {**claims(iss="mcp-rewind"), **said}
    try:
        grant = asyncio.run(tokens().grant(_free("HS256", given)))
    except BadCredential:
        return
    opened = SessionOpened(
        Origin("s", None, 0.0), "http", "", grant.principal, b"", "", "", "", grant.scopes, grant.groups
    )
    assert unpack(pack([Step(opened, ())]), "s")[0].fact == opened
    assert grant.principal not in ("", "anonymous")
    assert isinstance(grant.expires, float)
