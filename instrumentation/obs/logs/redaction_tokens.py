"""Tokens that tell by their shape what they are: those of vendors, JSON web tokens, a prefix and a random tail."""

from __future__ import annotations

import re

from obs.logs.redaction_rules import MARKER

# Shorter ones are left for the keys that they stand under.
SHORTEST = 18

# A vendor's prefix and the least number of characters behind it, which must not look like words.
_ROWS = (
    # Clouds and hosting
    "AKIA:16 ASIA:16 ABIA:16 ACCA:16 LTAI:16 AIza:30 ya29.:20 GOCSPX-:20 dop_v1_:40 doo_v1_:40 dor_v1_:40 "
    "HRKU-:30 fo1_:30 fm1_:30 fm2_:30 pscale_tkn_:20 pscale_pw_:20 pscale_oauth_:20 nfp_:30 rnd_:20 vcp_:24 "
    "vca_:24 vci_:24 sbp_:30 dapi:32 v1.0-:80 pul-:36 dckr_pat_:20 dckr_oat_:20 "
    # Code and packages
    "ghp_:30 gho_:30 ghu_:30 ghs_:30 ghr_:30 github_pat_:30 glpat-:18 glrt-:18 gldt-:18 glptt-:18 glft-:18 "
    "glcbt-:18 glsoat-:18 glimt-:18 glagent-:18 gloas-:18 npm_:30 pypi-:50 rubygems_:40 crates_:24 ATBB:28 "
    "ATATT3:60 ATCTT3:60 AKCp:50 cmVmdGtuOj:30 PMAK-:40 CCIPAT_:30 bkua_:36 "
    # Talk and mail
    "xoxa-:10 xoxb-:10 xoxe-:10 xoxe.:10 xoxo-:10 xoxp-:10 xoxr-:10 xoxs-:10 xapp-:10 SG.:30 xkeysib-:40 "
    "xsmtpsib-:40 key-:32 lin_api_:30 lin_oauth_:30 ntn_:36 secret_:36 figd_:30 EAACEdEose0cBA:10 "
    # Payment and shops
    "sk_live_:16 sk_test_:16 rk_live_:16 rk_test_:16 pk_live_:16 pk_test_:16 whsec_:16 sq0atp-:20 sq0csp-:30 "
    "EAAA:50 shpat_:30 shpca_:30 shppa_:30 shpss_:30 live_:30 AQE:90 "
    # Models
    "sk-:20 hf_:30 api_org_:30 gsk_:40 xai-:60 r8_:30 pplx-:40 "
    # Watching and secrets
    "ddapi_:24 ddapp_:24 NRAK-:24 NRJS-:16 NRII-:24 glc_:32 glsa_:32 sntrys_:40 sntryu_:40 dt0c01.:60 "
    "hvs.:20 hvb.:20 hvr.:20 dp.pt.:36 dp.st.:36 dp.ct.:36 ops_eyJ:60 AGE-SECRET-KEY-1:40 pnu_:30"
)
_PREFIXES = {row.partition(":")[0]: int(row.partition(":")[2]) for row in _ROWS.split()}
_STARTS = tuple(_PREFIXES)
_BY_LENGTH = sorted(_PREFIXES, key=len, reverse=True)

# A token of Resend, the SID of a Twilio key, of a Mailchimp key, a Discord bot, an Airtable token, a Terraform token.
_WHOLE = re.compile(
    r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}|SK[0-9a-f]{32}|[0-9a-f]{32}-us\d{1,2}|[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,60}|pat\w{14}\.[0-9a-f]{64}|"
    r"\w{14}\.atlasv1\.[\w-]{40,100}"
)
# The header of a JSON web token is an object in base64.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,3}")
_WORD_OF_A_NAME = re.compile(r"[A-Za-z]{0,20}\d{0,4}")
# These begin names of other things too.
_ALSO_NAMES = ("sk-", "key-", "secret_", "live_", "npm_", "pypi-", "hf_", "rnd_", "pul-", "crates_", "api_org_")
# `nfp_`, `lin_api_`, `acme-key-`: a short prefix, then many characters without a word in them.
_PREFIXED = re.compile(r"[A-Za-z][A-Za-z0-9]{1,9}(?:[_-][A-Za-z0-9]{2,10}){0,2}[_-]([A-Za-z0-9]{30,256})")

WORD = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-][A-Za-z0-9_.-]{17,}")


def masked(match: re.Match[str]) -> str:
    """A long word of `WORD` as it may be shown."""
    word = match[0]
    begin = word.find("eyJ")
    if begin >= 0 and (jwt := _JWT.match(word, begin)):
        return word[:begin] + MARKER + word[jwt.end() :]
    if word.startswith(_STARTS) and _is_vendors(word):
        return MARKER
    if _WHOLE.match(word):
        return MARKER
    prefixed = _PREFIXED.fullmatch(word)
    if prefixed is not None and _is_mixed(prefixed[1]):
        return MARKER
    if "." in word:
        # A file's name or a key may stand before it, as in `settings.sk_live_...`.
        return ".".join(
            [MARKER if part.startswith(_STARTS) and _is_vendors(part) else part for part in word.split(".")]
        )
    return word


def _is_vendors(word: str) -> bool:
    prefix = next(known for known in _BY_LENGTH if word.startswith(known))
    tail = word[len(prefix) :]
    return len(tail) >= _PREFIXES[prefix] and not (prefix in _ALSO_NAMES and _is_words(tail))


def _is_words(tail: str) -> bool:
    """Whether the tail is made of words, as in `sk-learn-based-pipeline-of-2024`."""
    parts = tail.replace("_", "-").split("-")
    return all(map(_WORD_OF_A_NAME.fullmatch, parts)) and (len(parts) > 2 or tail.isalpha())


def _is_mixed(tail: str) -> bool:
    return not tail.islower() and not tail.isupper() and any(map(str.isdigit, tail)) and not tail.isdigit()
