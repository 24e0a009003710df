import pytest

from rearank_cli.errors import UsageError
from rearank_cli.evaluation.spellings import measures_of


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        ("ndcg_cut.10 ndcg_cut_10 nDCG@10 ndcg@10 NDCG@10", "nDCG@10"),
        ("P.10 P_10 P@10 p@10 precision@10 Precision@10", "P@10"),
        ("recall.100 recall_100 R@100 recall@100 Recall@100", "R@100"),
        ("mrr@10 MRR@10 RR@10", "RR@10"),
        ("mrr recip_rank RR MRR", "RR"),
        ("map MAP AP ap", "AP"),
        ("map_cut.100 map_cut_100 map@100 AP@100", "AP@100"),
        ("AP(rel=2)@100 map@100-l2", "AP(rel=2)@100"),
        ("hit_rate@10 success.10 success_10 Success@10", "Success@10"),
        ("Rprec r-precision RPrec", "Rprec"),
        ("bpref Bpref", "Bpref"),
        ("iprec_at_recall.0.10 iprec_at_recall_0.10 IPrec@0.1", "IPrec@0.1"),
        ("ndcg ndcg", "nDCG"),
        ("ndcg_burges@10", "nDCG(dcg='exp-log2')@10"),
        ("Judged@10 judged@10", "Judged@10"),
        ("num_rel_ret NumRet(rel=1)", "NumRet(rel=1)"),
    ],
)
def test_three_vocabularies_one_name(spellings: str, name: str) -> None:
    assert {str(measure) for spelling in spellings.split() for measure in measures_of(spelling)} == {name}


def test_trec_evals_families_are_several_measures() -> None:
    assert [str(measure) for measure in measures_of("P.5,20")] == ["P@5", "P@20"]
    assert len(measures_of("recall")) == 9
    assert {"AP", "Rprec", "P@1000", "NumQ"} <= {str(measure) for measure in measures_of("official")}


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("map", "AP(rel=2)"), ("AP(rel=3)", "AP(rel=3)"), ("ndcg@10", "nDCG@10"), ("num_ret", "NumRet"),
     ("num_rel_ret", "NumRet(rel=2)"), ("mrr@10", "RR(rel=2)@10")],
)  # fmt: skip
def test_min_grade_reaches_binary_measures_that_leave_it_open(spelling: str, name: str) -> None:
    assert [str(measure) for measure in measures_of(spelling, min_grade=2)] == [name]


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("ndgc@10", "unknown measure 'ndgc@10'; did you mean nDCG@10 or ndcg@10?"),
        ("ndgc_cut.10", "did you mean ndcg_cut.10?"),
        ("mpa", "did you mean map?"),
        ("", "expected a name such as nDCG@10"),
        ("P_10xyz", "unknown measure 'P_10xyz'"),
        ("P@ten", "unknown measure 'P@ten'"),
        ("__import__('os')", "unknown measure"),
        ("precision", "measure 'precision': a cutoff is needed, as in P@10"),
        ("nDCG@0", "measure 'nDCG@0': expected cutoff from 1 to 1000000000, found 0"),
        ("P@99999999999999999999", "expected cutoff from 1 to 1000000000, found 99999999999999999999"),
        ("P@True", "expected cutoff from 1 to 1000000000, found True"),
        ("AP(rel=0)", "measure 'AP(rel=0)': expected rel from 1 to 100000, found 0"),
        ("recall@10-l99999999999", "expected rel from 1 to 100000, found 99999999999"),
        ("nDCG(gains={1:99999999999})@10", "expected gains from 0 to 1048576, found 99999999999"),
        ("nDCG(gains={'a':1})@10", "expected gains from 0 to 1048576, found 'a'"),
        ("IPrec@1e400", "expected recall from 0 to 1, found inf"),
        ("iprec_at_recall.7", "expected recall from 0 to 1, found 7"),
        ("SetF(beta=1e400)", "expected beta from 0 to 1000000, found inf"),
        ("nERR8@10", "a max_rel is needed, as in NERR8(max_rel=10)@10"),
        ("AP(foo=1)", "measure 'AP(foo=1)': unsupported params found: ['foo']"),
    ],
)
def test_an_unknown_measure_is_a_sentence_with_the_nearest(spelling: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        measures_of(spelling)
    assert message in str(caught.value)
