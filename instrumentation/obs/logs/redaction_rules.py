"""What redaction looks for, as data: words of keys that name a secret, and shapes of values that are one."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MARKER = "[redacted]"

# A key is sensitive when one of its words is one of these.
WORDS = _words(
    "apikey apikeys authorization bearer ccnum cookie cookies creds credential credentials csrftoken cvc cvv dsn "
    "jsessionid jwt kennwort mnemonic newpwd otp passcode passphrase passwd password passwords passwort phpsessid "
    "privatekey psk pw pwd secret secrets senha sessid sessionid setcookie ssn token totp"
)

# ... or ends in one of these, for what is written as one word (`dbpassword`, `clientsecret`, `accesstoken`) ...
ENDINGS = ("password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "secretkey", "cookie", "pwd")

# ... or when these words follow one another in it ...
_KEYS = _words(
    "access account api app application auth cert client consumer decryption deploy encryption gpg hmac licence "
    "license master pgp private root rsa secret service session shared signature signing ssh ssl storage subscription "
    "tls"
)
_SEQUENCES = (
    "amz signature, auth code, authorization code, backup code, backup codes, basic auth, bind pass, card number, "
    "card pin, cc number, client assertion, code verifier, conn str, connect sid, connection string, contrase a, "
    "credit card, fa code, factor code, goog signature, http auth, key pass, mfa code, mot de passe, otp code, "
    "pass phrase, pass wd, pass word, pin code, recovery code, recovery codes, saml response, security answer, "
    "security code, seed phrase, session id, set cookie, sms code, snmp community, social security, store pass, "
    "sudo pass, unlock code, user pin, verification code"
)
_OWNERS_OF_A_PASS = _words(
    "admin auth basic db email ftp http ldap login mail my mysql pg postgres proxy redis root smtp ssh user"
)
SEQUENCES = frozenset(
    [tuple(sequence.split()) for sequence in _SEQUENCES.split(", ")]
    + [(owner, "pass") for owner in _OWNERS_OF_A_PASS]
    + [(owner, key) for owner in _KEYS for key in ("key", "keys")]
)
# ... also without a space or a mark between them (`authkey`, `cardnumber`) ...
WORDS |= {"".join(sequence) for sequence in SEQUENCES if len("".join(sequence)) > 5}
# ... and in running text with one (`API key: ...`): the last words of the sequences.
LAST_WORDS = frozenset(sequence[-1] for sequence in SEQUENCES)

# ... or when it is as a whole one of these.
WHOLE = frozenset({"session", "user_session", "http_session", "laravel_session", "pass", "sid", "csrf", "xsrf"})

# A header is a secret although its last word only describes.
HEADERS = frozenset({("auth", "header"), ("authorization", "header")})

# A key whose last word is one of these tells about a secret and does not hold one (`token_count`, `password_policy`).
DESCRIPTIONS = _words(
    "action address age alg algorithm arn at attempt attempts aud audience backend banner brand bucket budget buckets "
    "class column consent cost count counts date days domain duration endpoint error errors event exists exp "
    "expiration expires expiry factory failures field fields file form format generator handler header headers health "
    "hits hours iat ids index indices interval iss issuer jar kind label last latency len length level lifetime limit "
    "manager max message min minutes misses mode model ms name names network number_of on pair page path placeholder "
    "policies policy position prefix present price prompt provider rate ratio reason region repository required "
    "reset retries ring schema scope scopes seconds serializer service size source state status storage store "
    "strength suffix symbol table timeout total ttl type types uri url usage used valid validator version window"
)
# So is one that tells what happened to it (`token_refreshed`, `password_reset_requested`), unless it still is one.
HAPPENED = "ed"
STILL_A_SECRET = _words("decoded decrypted encoded encrypted hashed salted seed shared signed unencrypted")
# And one that asks about it (`has_password`, `is_token_valid`, `max_token`).
QUESTIONS = _words("has is max min needs num requires total uses")
PLURALS = frozenset({"codes", "cookies", "credentials", "creds", "keys", "passwords", "secrets"})

# In running text, `password: required` tells nothing; a value that is one of these words is left.
PROSE = _words(
    "a after an and any are as at auth authentication authorization based be bearer been before being blank bool by "
    "bytes cannot changed check confirmed could credentials default denied dict disabled does empty enabled env "
    "environment error expired failed failure false fetched field file float for format found from generated granted "
    "has have header headers hidden if in incorrect int invalid is issued keychain length list loaded long malformed "
    "may mismatch missing must needed nil no none not null object of ok on only optional or please policy provided "
    "realm received redacted refresh refreshed rejected removed renewed required reset revoked rotated scheme secret "
    "secretbytes secretstr sent set short should str string strong success that the this to token tokens too true "
    "type undefined unknown unset update updated used user valid value verified via was weak were will with without "
    "wrong yes your"
)

# What stands for a value and is none: `***`, `%s`, `?`, `$1`, `:name`, `${NAME}`, `{name}`, `<hidden>`, `[REDACTED]`.
PLACEHOLDER = re.compile(
    r"[*x•.?_#-]{1,256}|%\w|%\(\w{1,64}\)s|\$\d{1,3}|:[a-z_]{1,64}|\$[A-Z_]{1,64}|\$?\{{1,2}[A-Za-z_. :-]{0,64}\}{0,2}|"
    r"\$\([\w ./-]{0,64}\)?|<[A-Za-z_ -]{0,64}>?|\[[A-Za-z_ -]{0,64}\]?|\([A-Za-z_ -]{0,64}\)?|"
    r"(?:[A-Za-z_][\w.]{0,40})\((?:[\"']?\*{0,64}[\"']?\))?"
)

# One start for each run of key characters, and bounded repeats: linear on any input.
KEY = re.compile(
    r"""(?:(?<![\w.-])|(?<=%[0-9A-F]{2}))-{0,2}(\d{0,2}[A-Za-z_][\w.-]{0,63})(?:\]|%5[Dd]|\\{0,3}["'])?"""
    r"""(?:[ \t]{0,3}(?::=|:|->|=>|={1,2})[ \t]{0,3}|%3[Dd]|\\{1,2}u003[Dd])"""
)
# What follows a key: a block of YAML, or a list, or its quotes or their absence, and the value up to where it may end.
VALUE = re.compile(
    r"""(?P<open>[|>][+-]?[ \t]{0,3}(?=\r?\n[ \t])|(?:[bBuUrRfF]{1,2}|[A-Za-z_][\w.]{0,40}\(|\[[ \t]{0,3})(?=["'])|)"""
    r"""(?P<quote>(?:\\{1,3}"|"|'|“|`|))(?P<value>"""
    r"""(?<=[|>+-])(?:\r?\n[ \t]{1,64}[^\n]{1,1024}){1,64}|"""
    r"""(?<=\\")[^"\\\n]{0,8192}|(?<=")(?:[^"\\\n]|\\.){0,8192}|(?<=')(?:[^'\\\n]|\\.){0,8192}|"""
    r"""(?<=“)[^”\n]{0,8192}|(?<=`)[^`\n]{0,8192}|"""
    r"""(?:[^\s"'&,;)}\]]|[,;)}\]](?![\s"'&,;)}\]]|$|[A-Za-z_][\w.-]{0,63}[=:])){1,8192})"""
)
# The characters before a key in which the first word of a sequence may stand.
BEFORE_A_KEY = 16
WORD_BEFORE = re.compile(r"([A-Za-z]{1,14}) $")
# `auth=("bob", "...")`.
AUTH_PAIR = re.compile(r"""(?i)((?<![\w.-])(?:auth|credentials|creds)[ \t]?=[ \t]?\()([^()\n]{3,1024})(\))""")
# A name in one field and its value in the next: YAML and JSON of containers, XML of .NET, and a form in parts.
NAME_AND_VALUE = re.compile(
    r"""(?i)((?<!\w)(?:name|key|field)\\?["']?[ \t]?[:=][ \t]?\\?["']?([A-Za-z_][\w.-]{0,63})\\?["']?[,;]?\s{1,64}"""
    r"""\\?["']?value\\?["']?[ \t]?[:=][ \t]?)(\\?"[^"\n]{1,8192}|'[^'\n]{1,8192}|[^\s,;}"']{1,8192})"""
)
FORM_PART = re.compile(r"""(?i)(name="([\w.\[\]-]{1,64})"\r?\n\r?\n)([^\r\n]{1,8192})""")
ELEMENT = re.compile(r"(<([A-Za-z][\w:.-]{0,63})(?:[ \t][^<>\n]{0,256})?>)([^<>]{1,8192})(?=</)")
# A sensitive word and, without a mark between them, what may be its value: `token 'x'`, `--password x`, `pwd is x`.
AFTER_A_WORD = re.compile(
    r"""(?i)((?:(?<![\w.-])|(?<!\S)-{1,2})((?:api[ _-]|access[ _-]|secret[ _-]|private[ _-]|[A-Za-z]{1,12}[_-])?"""
    r"""(?:passwords?|passwd|passphrase|passcode|pwd|token|secret|key))["']?"""
    r"""(?:[ \t](?:is|was|provided|->))?:?[ \t]\\?["'`“]?)([^\s"'`”,;]{6,256})"""
)
# Options of commands that take a secret.
USER_OPTION = re.compile(r"""((?<!\S)(?:-u|--user|--proxy-user)[ =]["']?[^\s:"']{0,64}:)([^\s"']{1,256})""")
COMMAND = re.compile(
    r"""(\b(?:mysql\w{0,8}|mariadb|sshpass|docker login|podman login|mongo\w{0,8}|redis-cli|ldapsearch)"""
    r"""(?:[ \t][^\s|;]{1,64}){0,8}?[ \t]-(?:p|a|w)[ \t]{0,2}["']?)([^\s"'-][^\s"']{2,256})"""
)
COOKIE_OPTION = re.compile(r"""((?<!\S)(?:-b|--cookie)[ =]["']?)([^\s"'=]{1,64}=[^"'\n]{1,4096})""")
AUTHORIZATION = re.compile(
    r"""(?i)((?<![\w])(?:proxy-)?authorization\\{0,2}["']?[ \t]{0,3}[:=][ \t]{0,3}\\{0,2}b?["']?[ \t]{0,3})"""
    r"""([a-z][\w-]{1,31})([ \t](?:[^\r\n"'\\]|(?<==)"[^"\r\n]{0,1024}"){1,8192})"""
)
COOKIE = re.compile(
    r"""(?i)((?<![\w])(?:set-)?cookie2?\\{0,2}["']?[ \t]{0,3}[:=][ \t]{0,3}\\{0,2}b?["']?)"""
    r"""([^\s\r\n"'=]{1,256}=[^\r\n"']{0,8192})"""
)
SCHEME = re.compile(r"(?i)(?<![\w])(bearer|basic|token|negotiate|ntlm)([ \t]{1,3})([A-Za-z0-9._~+/=-]{6,8192})")
# A password may hold what should be escaped in a URL; a port before a path is none.
URL_USER = re.compile(r"""://([^\s/?#"'<>@]{0,256}:(?!\d{0,5}[/?#])[^\s"'<>@]{1,256}|[^\s/?#"'<>]{1,512})@""")
OTHER_USER = re.compile(
    r"""((?<![\w./-])[\w.-]{1,64}:)[^\s@/"']{1,256}(?=@(?:tcp|unix)\()|(:thin:\w{1,64}/)[^\s@/"']{1,256}(?=@)"""
)
URL_SIGNATURE = re.compile(
    r"""(?i)([?&#](?:sig|signature|x-amz-signature|x-goog-signature|x-amz-credential)=)([^&\s"'#]{1,4096})"""
)
# These carry a secret or a harmless word, which the value tells.
URL_CODE = re.compile(r"""(?i)([?&#](?:code|key|auth)=|\bauth=)([A-Za-z0-9._~%/+-]{12,4096})""")
HOOK = re.compile(
    r"((?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks/\d{1,24})/)([\w/-]{8,256})"
)
BOT = re.compile(r"(?<!\d)\d{8,11}:AA[\w-]{30,40}")
# A client's secret of Azure, a refresh token of Google.
WITH_MARKS = re.compile(r"(?<![\w~.-])[\w.-]{3}\dQ~[\w.~-]{28,40}|(?<![\w/])1//0[\w-]{40,160}")
PRIVATE_KEY = re.compile(
    r"-----? ?BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)? ?-?----(?:[^-]|-(?!---))*"
    r"(?:-----? ?END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)? ?-?----)?"
    r"|(?<=Private-Lines: )\d{1,3}\s(?:[A-Za-z0-9+/=]{1,80}\s{0,4}){1,200}"
)
CARD = re.compile(
    r"(?<![\w.+])(?<![\d][ -])(?:\d{13,19}|\d{4}([ \u00a0-])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|"
    r"\d{4}\.\d{4}\.\d{4}\.\d{4}|\d{4}([ \u00a0-])\d{6}\2\d{4,5})(?![ -]?\d)(?!\w)(?!\.\d)"
)
# The issuers' numbers, each with its lengths: Visa, Mastercard, American Express, Discover, Diners Club, Mir, Maestro,
# JCB, UnionPay.
CARD_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|3[47]\d{13}|"
    r"(?:6011|65\d{2}|64[4-9]\d)\d{12,15}|3(?:0[0-5]|[68]\d)\d{11}|30[0-5]\d{13}|220[0-4]\d{12}|6759\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
