import pytest

from adapters.secret_names import SecretNames


def _words(text: str) -> list[str]:
    return text.split()


SECRETS = _words(
    """
password passwd PASSWORD userPassword user_password password_confirmation newPassword my-password mypassword
passphrase pwd passcode secret secrets client_secret clientSecret clientsecret app.secret secretKey secret_key_base
webhook-secret token access_token accessToken accesstoken refresh_token refreshToken id_token auth_token authToken
X-Auth-Token apiToken csrf_token token_value bearerToken sessionToken session_token jwt api_key apikey apiKey x-api-key
API_KEY api_keys aws_secret_access_key accessKey private_key privateKey signing_key encryptionKey Authorization
proxy-authorization cookie Cookie Set-Cookie cookies credential credentials dbCredentials pin card_pin pinCode otp
connection_string AccountKey masterKey
"""
)

OTHERS = _words(
    """
max_tokens maxTokens token_count tokenCount tokens tokenizer num_tokens prompt_tokens token_type tokenType token_ids
progressToken progress_token nextToken next_page_token pageToken continuation_token stop_token eos_token pad_token
password_length passwordPolicy password_required password_hint secret_name secretId credential_id token_endpoint
token_url cookie_policy pinned pinning spin map_pin gpio_pin ping key keys keyword primary_key public_key foreignKey
sort_key author authority passing compass passport text name value secretary tokenize cookiecutter otpauth
"""
)


@pytest.mark.parametrize("name", SECRETS)
def test_names_that_mean_secrets(name: str) -> None:
    assert SecretNames().is_secret(name)


@pytest.mark.parametrize("name", OTHERS)
def test_names_that_only_look_like_them(name: str) -> None:
    assert not SecretNames().is_secret(name)


def test_names_that_somebody_adds_count_at_the_end_of_others_too() -> None:
    names = SecretNames(more=["ssn", "Bank Account"])
    assert all(map(names.is_secret, ("ssn", "customerSsn", "customer_ssn", "bank_account", "myBankAccount")))
    assert not any(map(names.is_secret, ("ssnippet", "bank", "account", "")))
    assert not SecretNames().is_secret("ssn")


def test_names_that_somebody_allows_are_none_however_they_are_written() -> None:
    names = SecretNames(allow=["session_token"])
    assert not any(map(names.is_secret, ("session_token", "sessionToken", "Session-Token")))
    assert names.is_secret("my_session_token")


def test_a_very_long_name_is_none() -> None:
    assert not SecretNames().is_secret("x" * 200 + "_password")
