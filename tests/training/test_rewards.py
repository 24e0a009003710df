"""The reward: equal to trec_eval's figures, bounded, and immune to each defect of the released code."""

import json
import math
from itertools import permutations
from pathlib import Path

import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.training.rewards import (
    FormatCheck,
    Parts,
    RewardForm,
    Rules,
    Stakes,
    answer_reward,
    dcg,
    ndcg,
    rank_reward,
    reached_ndcg,
    reward_parts,
    stakes,
    tags_reward,
    total,
)

PAPER = Rules(check=FormatCheck.PAPER, clip=None)
GRADES = st.lists(st.integers(-1, 3), min_size=2, max_size=20)


def said(order: list[int] | tuple[int, ...], thought: str = "so") -> str:
    """A completion that ranks by places from 0."""
    return f"<think>{thought}</think><answer>{' > '.join(f'[{place + 1}]' for place in order)}</answer>"


@settings(deadline=None)
@given(GRADES, st.lists(st.integers(-1, 3), max_size=20))
def test_ndcg_is_that_of_trec_eval_over_all_judgements(grades: list[int], others: list[int]) -> None:
    judged = [*grades, *others]
    qrels = {"q": {f"d{number:02}": grade for number, grade in enumerate(judged)}}
    if max(judged) < 0:
        return  # trec_eval reads memory that is not its own here
    run = {"q": {f"d{number:02}": float(-number) for number in range(len(grades))}}
    expected = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut_10"}).evaluate(run)["q"]["ndcg_cut_10"]
    assert ndcg(grades, judged) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(GRADES, st.lists(st.integers(0, 3), max_size=9), st.randoms(use_true_random=False))
def test_the_relative_gain_is_equation_5(grades: list[int], others: list[int], random: object) -> None:
    worth = stakes(grades, [*grades, *others])
    if not worth.has_signal:
        assert reward_parts(said(range(len(grades))), worth, Rules()) is None  # type: ignore[arg-type]
        return
    order = sorted(range(len(grades)), key=lambda place: hash((place, str(random))))
    parts = reward_parts(said(order), worth, Rules(clip=None))
    assert parts is not None
    reached = ndcg([grades[place] for place in order], [*grades, *others])
    assert parts.rank == pytest.approx((reached - worth.initial) / (worth.ideal - worth.initial), abs=1e-6)
    assert parts.rank <= 1 + 1e-9


@settings(deadline=None)
@given(GRADES, st.text())
def test_any_text_earns_a_bounded_reward(grades: list[int], text: str) -> None:
    parts = reward_parts(text, stakes(grades, grades), Rules())
    assert parts is None or (-1 <= parts.rank <= 1 and -0.8 <= total(parts, Rules().weights) <= 1)


def test_best_order_earns_one_and_the_order_presented_nothing() -> None:
    worth = stakes([0, 2, 1], [2, 1, 3])
    assert reward_parts(said([1, 2, 0]), worth, Rules()) == Parts(1.0, 1.0, 1.0)
    presented = reward_parts(said([0, 1, 2]), worth, Rules())
    assert presented is not None
    assert total(presented, Rules().weights) == pytest.approx(0.2)


@pytest.mark.parametrize("form", RewardForm)
def test_the_three_forms_differ_by_an_affine_map_alone(form: RewardForm) -> None:
    """Within a group, so that z-scores are the same (the paper's ablation compares them)."""
    worth = stakes([0, 2, 1, 0], [2, 1, 3])
    orders = list(permutations(range(4)))

    def ranks(other: RewardForm) -> list[float]:
        rules = Rules(form=other, clip=None)
        return [parts.rank for order in orders if (parts := reward_parts(said(order), worth, rules))]

    slope = {RewardForm.RELATIVE: worth.ideal - worth.initial}.get(form, 1.0)
    shift = worth.initial if form is not RewardForm.NDCG else 0.0
    assert [slope * value + shift for value in ranks(form)] == pytest.approx(ranks(RewardForm.NDCG))


def test_the_gain_is_clipped_or_left_as_the_paper_has_it() -> None:
    worth = stakes([3, 0, 1, 0, 0, 0], [3, 1])
    worst = said([1, 3, 4, 5, 2, 0])
    free = reward_parts(worst, worth, Rules(clip=None))
    assert free is not None
    assert free.rank < -10
    assert reward_parts(worst, worth, Rules()) == Parts(-1.0, 1.0, 1.0)


# Defects of the released code.


def test_missing_judgements_give_no_reward_rather_than_a_format_reward() -> None:
    """Released: an empty qrels file made every rank reward 0, and training went on for the format alone."""
    worth = stakes([0] * 20, judged=[])
    assert reward_parts(said(range(20)), worth, Rules()) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [2, 7, 19, 20])
def test_ragged_lists_are_each_judged_by_their_own_length(n: int) -> None:
    """Released: 20 is assumed, and lists of other lengths share one buffer."""
    grades = [0] * (n - 1) + [1]
    best = [n - 1, *range(n - 1)]
    assert reward_parts(said(best), stakes(grades, [1]), Rules()) == Parts(1.0, 1.0, 1.0)


def test_the_second_rollout_of_a_group_is_judged_like_the_first() -> None:
    """Released: the scorer permuted the hits in place, so that later rollouts met another list."""
    worth = stakes([0, 1, 2], [2, 1])
    rollouts = [said([2, 1, 0]), said([1, 0, 2]), said([2, 1, 0])]
    first, _, third = [reward_parts(each, worth, Rules()) for each in rollouts]
    assert first == third
    assert worth == stakes([0, 1, 2], [2, 1])


def test_one_number_is_no_answer_unless_the_paper_is_asked() -> None:
    """Released: `[3]` alone earned the whole format reward, and the rest was filled in for it."""
    worth = stakes([0, 0, 1], [1])
    assert reward_parts(said([2]), worth, Rules()) == Parts(0.0, 1.0, 0.0)
    assert reward_parts(said([2]), worth, PAPER) == Parts(1.0, 1.0, 1.0)


@pytest.mark.parametrize("said", ["[3] without tags", "<answer>the third</answer>", ""])
def test_the_paper_s_check_too_wants_a_bracketed_number_in_an_answer(said: str) -> None:
    assert answer_reward(said, 3, PAPER) == 0.0


def test_digits_of_the_reasoning_are_no_ranking() -> None:
    """Released: without an answer every digit of the whole response was read as the ranking, and paid for."""
    worth = stakes([0, 0, 1], [1])
    for text in ("<think>passage 3 is best, then 1", "<think>[3] wins</think>", "[3] > [1] > [2]", "3 of 3"):
        assert reward_parts(text, worth, Rules()) == Parts(0.0, 0.0, 0.0)


# The form of an answer.


@pytest.mark.parametrize(
    ("completion", "tags", "answer"),
    [
        ("<think>a</think><answer>[2] > [1] > [3]</answer>", 1, 1),
        ("<think>a</think>\n<answer>\n[2]>[1]>[3]\n</answer>\n", 1, 1),
        ("<think></think><answer>[2] > [1] > [1]</answer>", 1, 0),
        ("<think></think><answer>[2] > [1]</answer>", 1, 0),
        ("<think></think><answer>[2] > [1] > [3] > [4]</answer>", 1, 0),
        ("<think></think><answer>2, 1, 3</answer>", 1, 0),
        ("<think></think><answer>[2] > [1] > [3] done</answer>", 1, 0),
        ("well: <think>a</think><answer>[2] > [1] > [3]</answer>", 0, 1),
        ("<think>a</think><answer>[2] > [1] > [3]</answer> so", 0, 1),
        ("<answer>[2] > [1] > [3]</answer>", 0, 1),
        ("<answer>[2] > [1] > [3]</answer><think>a</think>", 0, 1),
        ("<think>a<think>b</think></think><answer>[2] > [1] > [3]</answer>", 0, 1),
        ("<think>a</think><answer>[2] > [1] > [3]", 0, 0),
        ("", 0, 0),
    ],
)
def test_strict_format(completion: str, tags: int, answer: int) -> None:
    assert (tags_reward(completion, Rules()), answer_reward(completion, 3, Rules())) == (tags, answer)


def test_a_prompt_without_reasoning_wants_the_answer_alone() -> None:
    rules = Rules(think=False)
    assert tags_reward("<answer>[1]</answer>", rules) == 1
    assert tags_reward("<think></think><answer>[1]</answer>", rules) == 0


def test_an_incomplete_answer_can_lose_but_not_win() -> None:
    worth = stakes([2, 0, 0], [2, 1])
    assert not worth.has_signal
    worth = stakes([1, 2, 0], [2, 1])
    parts = reward_parts(said([2]), worth, Rules())
    assert parts is not None
    assert parts.rank == -1.0


def test_for_ndcg_itself_an_answer_that_is_none_is_worth_the_order_presented() -> None:
    worth = stakes([1, 2, 0], [2, 1])
    rules = Rules(form=RewardForm.NDCG)
    assert rank_reward("I cannot say", worth, rules, complete=False) == worth.initial
    assert rank_reward("<answer>[2]</answer>", worth, rules, complete=False) == worth.initial


def test_a_list_without_a_relevant_passage_is_worth_nothing_in_any_order() -> None:
    worth = Stakes((0, 0), initial=0.0, ideal=0.0)
    assert reached_ndcg("<answer>[2] > [1]</answer>", worth) == 0.0


def test_each_part_has_a_weight_of_its_own() -> None:
    weights = (0.5, 0.25, 0.125)
    assert [total(Parts(*each), weights) for each in ((1, 0, 0), (0, 1, 0), (0, 0, 1))] == list(weights)


def test_recorded_answers_of_real_models_are_judged_without_an_error(shared: Path) -> None:
    lines = (shared / "parser" / "completions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        grades = [0] * (row["n"] - 1) + [1] if row["n"] > 1 else [1]
        parts = reward_parts(row["completion"], stakes(grades, [1, 1]), Rules())
        assert parts is None or math.isfinite(parts.rank)
    assert len(rows) > 500


def test_dcg_looks_at_ten_ranks() -> None:
    assert dcg([0] * 10 + [3]) == 0
    assert dcg([0] * 9 + [3]) == 3 / math.log2(11)


def test_stakes_know_a_list_that_cannot_get_better() -> None:
    assert not stakes([2, 1, 0], [2, 1]).has_signal
    assert not Stakes((0, 0), 0.0, 0.0).has_signal
