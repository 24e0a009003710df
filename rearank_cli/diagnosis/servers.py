"""Whether a server is there and speaks OpenAI's language."""

import http.client
import urllib.error
import urllib.request
from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit

import orjson

from rearank_cli.diagnosis.findings import Finding, State
from rearank_cli.errors import UsageError
from rearank_cli.redaction import is_url, shown_url

SERVER = "server "
SECONDS = 10.0
_SHOWN = 3  # of the models that a server lists


def server(url: str, api_key: str | None = None) -> Finding:
    """Ask a server for its models, for 10 seconds at most.

    Raises:
        UsageError: the URL is none.
    """
    part = f"{SERVER}{shown_url(url)}"
    if not is_url(url):
        raise UsageError(f"--base-url {shown_url(url)!r}: expected a URL such as http://localhost:8000/v1")
    request = _request(url, api_key)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            names = [row["id"] for row in orjson.loads(answer.read())["data"]]
    except urllib.error.HTTPError as error:
        advice = (
            "see --api-key-env" if error.code in (401, 403) else "expected the address that ends with /v1"
        )
        return Finding(part, State.BROKEN, f"answers {error.code} to GET /models; {advice}")
    except (OSError, http.client.HTTPException) as error:
        return Finding(
            part, State.BROKEN, f"does not answer ({error}); is it started, and the address right?"
        )
    except (ValueError, KeyError, TypeError):
        return Finding(
            part, State.BROKEN, "answers GET /models with something else than OpenAI's list of models"
        )
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Finding(part, State.WORKS, f"serves {', '.join(names[:_SHOWN]) or 'no model'}{more}")


def _request(url: str, api_key: str | None) -> urllib.request.Request:
    """Return the request for the models; of user and password in the URL, urllib would take the host."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    place = parts._replace(netloc=host, path=f"{parts.path.rstrip('/')}/models")
    request = urllib.request.Request(urlunsplit(place))
    if api_key or user:
        basic = f"Basic {b64encode(unquote(user).encode()).decode()}"
        request.add_header("Authorization", f"Bearer {api_key}" if api_key else basic)
    return request
