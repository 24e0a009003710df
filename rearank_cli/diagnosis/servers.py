"""Whether a server is there and speaks OpenAI's language."""

import http.client
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import orjson

from rearank_cli.diagnosis.findings import Finding, State
from rearank_cli.errors import UsageError
from rearank_cli.formats.provenance import clean_argument

SERVER = "server "
SECONDS = 10.0
_SHOWN = 3  # of the models that a server lists


def server(url: str, api_key: str | None = None) -> Finding:
    """Ask a server for its models, for 10 seconds at most.

    Raises:
        UsageError: the URL is none.
    """
    part = f"{SERVER}{clean_argument(url)}"
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"--base-url {url!r}: expected a URL such as http://localhost:8000/v1")
    request = urllib.request.Request(f"{url.rstrip('/')}/models")
    if api_key:
        request.add_header("Authorization", f"Bearer {api_key}")
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
