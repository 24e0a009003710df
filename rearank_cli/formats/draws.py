"""Names for several lists of one query, as `rearank augment` draws them: `q7#3` is the third draw of query `q7`."""

from collections.abc import Iterable

from rearank_cli.records import Qrels


def name_of_draw(qid: str, draw: int) -> str:
    """Return the qid under which a draw is reranked and evaluated.

    >>> name_of_draw("q7", 3)
    'q7#3'
    """
    return f"{qid}#{draw}"


def query_of_draw(qid: str) -> str:
    """Return the qid of the query that was drawn from; any other qid as it is.

    >>> query_of_draw("q7#3"), query_of_draw("q7"), query_of_draw("c#")
    ('q7', 'q7', 'c#')
    """
    query, mark, draw = qid.rpartition("#")
    return query if query and mark and draw.isdecimal() else qid


def with_draws(judged: Qrels, qids: Iterable[str]) -> Qrels:
    """Return the judgements with each of these draws judged as its query is, which then has no place itself.

    >>> with_draws({"q1": {"d": 1}, "q2": {"d": 0}}, ["q1#1", "q1#2"])
    {'q2': {'d': 0}, 'q1#1': {'d': 1}, 'q1#2': {'d': 1}}
    """
    drawn = {qid: query for qid in qids if qid not in judged and (query := query_of_draw(qid)) in judged}
    if not drawn:
        return judged
    others = {qid: grades for qid, grades in judged.items() if qid not in drawn.values()}
    return {**others, **{qid: judged[query] for qid, query in drawn.items()}}
