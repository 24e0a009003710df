"""What nobody may read later, taken out of what is shown or kept: passwords and keys in addresses."""

import re
from urllib.parse import urlsplit

HIDDEN = "***"
_SCHEME = r"(?:[A-Za-z][\w+.-]{0,40}:/+|[Hh][Tt][Tt][Pp][Ss]?:/*|(?<![:/])//+)"
_USER = re.compile(
    rf"(?P<scheme>{_SCHEME})"
    r"(?:[^\s/?#]*@"  # of an address as it should be
    r"|[^\s/?#@:]*:(?:(?!\d{1,5}/)\S*@|\S*[^\s/]@))"  # of one whose password has a slash or the like
)
_VALUE = r"=[^\s&#'\"<>)]*"
_KEYS = re.compile(
    rf"(?P<name>[?&#;][\w.\-\[\]%~$]{{0,80}}(?:key|token|secret|pass|pwd|sig|auth|cred|code|session)"
    rf"[\w.\-\[\]%~$]{{0,80}}){_VALUE}",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    rf"(?!.(?:api[-_]?version|version|v|model|deployment|region)=[\w.-]*(?:$|&))(?P<name>[?&#;][^=&#]*){_VALUE}"
)
_BARE = re.compile(r"(?<=[?#&;])[^=?#&;*]+=*(?=$|[?#&;])")
"""What stands in a query or behind `#` without a name."""


def without_secrets(text: str) -> str:
    """Return a text whose addresses have neither user and password nor, in their queries, keys.

    >>> without_secrets("http://me:secret@host:8000/v1?id=2&api_key=abc: refused")
    'http://host:8000/v1?id=2&api_key=*** refused'
    """
    return _KEYS.sub(rf"\g<name>={HIDDEN}", _without_user(text))


def _without_user(text: str) -> str:
    return _USER.sub(r"\g<scheme>", text) if "@" in text else text


def shown_url(url: str) -> str:
    """Return what may be shown of the address of a server, even if the text is none: no user, password or query.

    Of a query, and behind `#`, only what is known to be harmless keeps its value, such as `api-version`.

    >>> shown_url("me:secret@host:8000/v1"), shown_url("htp:/me:sec/ret@host"), shown_url("http://h/v1?sk-1")
    ('host:8000/v1', 'htp:/host', 'http://h/v1?***')
    """
    text = url
    if "@" in url and not is_url(url):
        scheme = re.match(rf"\s*{_SCHEME}", url)
        text = (scheme[0] if scheme else "") + url.rpartition("@")[2]
    text = without_secrets(_BARE.sub(HIDDEN, _without_user(text)))
    return _OTHERS.sub(rf"\g<name>={HIDDEN}", text)


def is_url(url: str) -> bool:
    """Return whether a text is the address of a server, whose parts can be told apart.

    >>> is_url("http://me:secret@host:8000/v1"), is_url("http://me:sec/ret@host"), is_url("htp://host")
    (True, False, False)
    """
    try:
        parts = urlsplit(url)
        if re.search(r"\s", url.strip()):
            return False
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False
