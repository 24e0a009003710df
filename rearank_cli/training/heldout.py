"""The queries of TREC DL 2019 and 2020, on which rerankers are tested: never to be trained on.

`trec_dl_queries.tsv` holds year, qid, and a hash of the normalised text of each; not the texts.
"""

import hashlib
import re
import unicodedata
from functools import cache
from pathlib import Path

from rearank_cli.records import Query

_FILE = Path(__file__).with_name("trec_dl_queries.tsv")


def text_hash(text: str) -> str:
    """Return a hash (hex) of a text's words, whatever their case, accents' encoding and punctuation.

    >>> text_hash("Who is  Robert Gray?") == text_hash("who is robert gray")
    True
    """
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
    return hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@cache
def _known() -> dict[str, str]:
    """The year of each qid and of each hash."""
    rows = [line.split("\t") for line in _FILE.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    return {key: year for year, qid, digest in rows for key in (qid, f"#{digest}")}


def trec_dl_year(query: Query) -> str | None:
    """Return the year of the TREC DL test set that has this query, by its qid or its words, or None.

    >>> trec_dl_year(Query("1037798", "another wording")), trec_dl_year(Query("q1", "an unknown question"))
    ('2019', None)
    """
    return _known().get(query.qid) or _known().get(f"#{text_hash(query.text)}")
