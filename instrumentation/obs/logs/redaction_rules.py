"""What redaction looks for, as data: words of keys that name a secret, and shapes of values that are one."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MARKER = "[redacted]"

# A key is sensitive when one of its words is one of these.
WORDS = _words(
    "apikey authorization bearer cookie cookies credential credentials csrftoken cvc cvv jsessionid jwt mnemonic otp "
    "passcode passphrase passwd password passwords phpsessid privatekey pwd secret secrets sessid sessionid setcookie "
    "ssn token"
)

# ... or ends in one of these, for what is written as one word (`dbpassword`, `clientsecret`, `accesstoken`) ...
ENDINGS = ("password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "secretkey", "cookie")

# ... or when these words follow one another in it ...
_SEQUENCES = (
    "access key, account key, amz signature, api key, auth code, auth header, auth key, authorization code, "
    "backup codes, card number, card pin, client key, connect sid, credit card, deploy key, encryption key, "
    "master key, mfa code, pass phrase, pin code, private key, recovery codes, secret key, seed phrase, service key, "
    "session id, session key, set cookie, shared key, signing key, social security, ssh key"
)
SEQUENCES = frozenset(tuple(sequence.split()) for sequence in _SEQUENCES.split(", "))

# ... or when it is as a whole one of these.
WHOLE = frozenset({"session", "user_session", "http_session", "pass"})
_OWNERS_OF_A_PASS = _words(
    "admin auth basic db email ftp http ldap login mail my mysql pg postgres proxy redis root smtp ssh user"
)
SEQUENCES |= {(owner, "pass") for owner in _OWNERS_OF_A_PASS}

# A key whose last word is one of these tells about a secret and does not hold one (`token_count`, `password_policy`).
DESCRIPTIONS = _words(
    "age alg algorithm arn at attempts audience brand budget changed consent cost count counts created date domain "
    "duration enabled endpoint error errors exists expired expires expiration expiry field file format header health "
    "issuer kind last len length level lifetime limit manager max min missing mode name names network number_of on "
    "path policies policy present provider rate ratio refreshed region required reset scope scopes service size "
    "source state status store strength timeout total ttl type types updated uri url usage used valid version"
)
PLURALS = frozenset({"cookies", "credentials", "passwords", "secrets"})

# In running text, `password: required` tells nothing; a value that is one of these words is left.
PROSE = _words(
    "a an and any are auth authentication authorization based bearer been being bool bytes cannot changed "
    "confirmed could credentials denied dict does empty error expired failed false fetched float for format found "
    "from generated granted has have header headers in incorrect int invalid is issued length list malformed may "
    "mismatch missing must nil no none not null of ok on optional or please provided realm received refreshed "
    "rejected renewed required reset revoked rotated scheme sent set should str string success the this to token "
    "tokens too true type undefined unknown unset updated used user valid value verified was were will with "
    "without wrong yes your "
)

# One start for each run of key characters, and bounded repeats: linear on any input.
KEY = re.compile(r"""(?<![\w.-])-{0,2}([A-Za-z_][\w.-]{0,63})\\{0,2}["']?[ \t]{0,3}(?::|=>?)[ \t]{0,3}""")
# What follows a key: its quotes or their absence, and the value up to where it may end.
VALUE = re.compile(
    r"""(\\{1,2}"|"|'|)((?<=\\")[^"\\\n]{0,8192}|(?<=")(?:[^"\\\n]|\\.){0,8192}|(?<=')(?:[^'\\\n]|\\.){0,8192}|"""
    r"""(?:[^\s"'&,;)}\]]|[,;)}\]](?![\s"'&,;)}\]]|$|[A-Za-z_][\w.-]{0,63}[=:])){1,8192})"""
)
AUTHORIZATION = re.compile(
    r"""(?i)((?<![\w])(?:proxy-)?authorization\\{0,2}["']?[ \t]{0,3}[:=][ \t]{0,3}\\{0,2}["']?[ \t]{0,3})"""
    r"""((?:bearer|basic|digest|negotiate|ntlm|token|apikey|hmac|aws4-hmac-sha256)[ \t][^\r\n"'\\]{1,8192})"""
)
COOKIE = re.compile(
    r"""(?i)((?<![\w])(?:set-)?cookie2?\\{0,2}["']?[ \t]{0,3}[:=][ \t]{0,3}\\{0,2}["']?)"""
    r"""([^\s\r\n"'=]{1,256}=[^\r\n"']{0,8192})"""
)
SCHEME = re.compile(r"(?i)(?<![\w])(bearer|basic|token|negotiate)([ \t]{1,3})([A-Za-z0-9._~+/=-]{6,8192})")
URL_USER = re.compile(r"""://([^\s/?#"'<>]{1,512})@""")
URL_SIGNATURE = re.compile(r"""(?i)([?&](?:sig|signature|x-amz-signature|x-goog-signature)=)([^&\s"'#]{1,4096})""")
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----))*"
    r"(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?"
)
CARD = re.compile(
    r"(?<![\w.])(?<![\d][ -])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5})"
    r"(?![ -]?\d)(?!\w)(?!\.\d)"
)
# The issuers' numbers: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, each with its lengths.
CARD_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|3[47]\d{13}|"
    r"(?:6011|65\d{2}|64[4-9]\d)\d{12,15}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
# Tokens that tell by their first letters what they are.
TOKENS = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,3}"  # JWT and JWE
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{18,}"  # GitHub, GitLab
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"  # Slack
    r"|[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{16,}"  # Stripe
    r"|sk-(?:[A-Za-z0-9]+-)?[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic
    r"|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}"  # Google
    r"|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|hf_[A-Za-z0-9]{30,}|dop_v1_[a-f0-9]{64}"
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}|hv[sb]\.[A-Za-z0-9_-]{20,}"
    r")"
)
