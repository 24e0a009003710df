"""Recipes: every key checked, flags over files, the paper's values where nothing is said."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rearank_cli.errors import DataError, MissingInput, UsageError
from rearank_cli.training.arguments import Batches, batches, check_keys, grpo_arguments, sft_arguments
from rearank_cli.training.grpo import lora
from rearank_cli.training.recipe import (
    Device,
    Loss,
    Method,
    Recipe,
    ScaleRewards,
    VllmCorrection,
    changed_keys,
    load_recipe,
    to_toml,
    with_setting,
    with_values,
)
from rearank_cli.training.rewards import FormatCheck, Rules
from tests.conftest import ROOT

RECIPES = sorted((ROOT / "recipes" / "train").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_one(path: Path) -> None:
    recipe = load_recipe(str(path))
    check_keys(recipe)
    cut = batches(recipe, 1, rollouts=recipe.rollouts)
    assert cut.updates == recipe.steps * recipe.updates_per_step


def test_the_7b_recipe_is_the_papers() -> None:
    recipe = load_recipe(str(ROOT / "recipes" / "train" / "rearank-7b.toml"))
    assert changed_keys(Recipe(), recipe) == ["long_prompts", "device", "vllm"]
    assert (recipe.prompts, recipe.rollouts, recipe.learning_rate, recipe.kl) == (128, 32, 1e-6, 0.01)
    assert (recipe.clip, recipe.temperature, recipe.prompt_tokens, recipe.answer_tokens) == (
        0.2,
        1,
        3072,
        2048,
    )
    assert recipe.updates_per_step == 16


def test_one_paper_step_is_sixteen_updates_of_256_completions() -> None:
    arguments = grpo_arguments(Recipe(), Path("out"), 8)
    an_update = (
        8
        * int(str(arguments["per_device_train_batch_size"]))
        * int(str(arguments["gradient_accumulation_steps"]))
    )
    assert an_update == 256
    assert int(str(arguments["steps_per_generation"])) * 8 * 8 == 128 * 32
    assert arguments["max_steps"] == 120 * 16
    assert arguments["save_steps"] == 20 * 16


def test_the_script_recipe_has_the_dual_clip_and_verls_token_mean() -> None:
    recipe = load_recipe(str(ROOT / "recipes" / "train" / "rearank-7b-script.toml"))
    arguments = grpo_arguments(recipe, Path("out"), 8)
    assert (arguments["loss_type"], arguments["delta"], arguments["epsilon"]) == ("bnpo", 3.0, 0.2)
    assert arguments["per_device_train_batch_size"] == 8
    assert arguments["vllm_importance_sampling_correction"] is False
    assert recipe.updates_per_step == 16


def test_the_equations_recipe_makes_one_update_a_sample_with_sequence_means() -> None:
    recipe = load_recipe(str(ROOT / "recipes" / "train" / "rearank-7b-equations.toml"))
    arguments = grpo_arguments(recipe, Path("out"), 8)
    assert (arguments["loss_type"], arguments["delta"], recipe.updates_per_step) == ("grpo", None, 1)
    assert arguments["steps_per_generation"] == arguments["gradient_accumulation_steps"]


def test_learning_again_from_a_sample_makes_more_updates_and_no_more_samples() -> None:
    once, twice = (grpo_arguments(Recipe(num_iterations=n), Path("out"), 1) for n in (1, 2))
    assert (once["max_steps"], twice["max_steps"]) == (1920, 3840)
    assert once["steps_per_generation"] == twice["steps_per_generation"]
    assert Recipe(method=Method.SFT, num_iterations=2).updates_per_step == 16


def test_each_key_reaches_trl_by_its_name() -> None:
    keys = Recipe(
        mask_truncated=True, entropy_bonus=0.01, scale_rewards=ScaleRewards.BATCH,
        vllm_correction=VllmCorrection.TOKEN_TRUNCATE, vllm_correction_max=2.0,
    )  # fmt: skip
    arguments = grpo_arguments(keys, Path("out"), 1)
    assert arguments["mask_truncated_completions"] is True
    assert arguments["entropy_coef"] == 0.01
    assert arguments["scale_rewards"] == "batch"
    assert arguments["vllm_importance_sampling_mode"] == "token_truncate"
    assert arguments["vllm_importance_sampling_clip_max"] == 2.0
    assert grpo_arguments(Recipe(loss=Loss.DR_GRPO), Path("out"), 1)["scale_rewards"] == "none"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"delta": 1.1}, r"delta = 1.1: expected more than 1 \+ clip_high"),
        ({"delta": 9.0, "loss": "sapo"}, "loss = sapo does not use it"),
        ({"loss": "cispo"}, "as in clip_high = 5"),
        ({"loss": "luspo"}, "is made for importance = sequence"),
        ({"loss": "vespo", "importance": "sequence"}, "is made for importance = token"),
        ({"loss": "vespo", "vllm": True}, "loss = vespo wants none, token_truncate or token_mask"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(keys: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_keys(with_values(Recipe(), keys, "x", DataError))
    check_keys(Recipe(method=Method.SFT, delta=1.1))


@pytest.mark.extra
@pytest.mark.parametrize("loss", list(Loss))
def test_trl_takes_every_loss(loss: Loss) -> None:
    config = pytest.importorskip("trl").GRPOConfig
    assert config(**grpo_arguments(Recipe(device=Device.CPU, loss=loss), Path("out"), 1)).loss_type == loss


def test_a_lora_has_the_recipes_alpha_and_targets() -> None:
    pytest.importorskip("peft")
    usual, own = (
        lora(Recipe(lora_rank=4)),
        lora(Recipe(lora_rank=4, lora_alpha=3, lora_targets="q_proj, v_proj")),
    )
    assert (usual.lora_alpha, usual.target_modules) == (8, "all-linear")
    assert (own.lora_alpha, own.target_modules) == (3, {"q_proj", "v_proj"})
    assert lora(Recipe()) is None


@pytest.mark.extra
def test_trl_takes_every_argument() -> None:
    pytest.importorskip("trl")
    import dataclasses

    from trl import GRPOConfig, SFTConfig

    for config, arguments in (
        (GRPOConfig, grpo_arguments(Recipe(), Path("out"), 8)),
        (SFTConfig, sft_arguments(Recipe(), Path("out"), 8)),
    ):
        assert arguments.keys() <= {field.name for field in dataclasses.fields(config)}


def test_a_cpu_gets_what_trl_refuses_to_guess() -> None:
    arguments = grpo_arguments(Recipe(device=Device.CPU), Path("out"), 1)
    assert (arguments["use_cpu"], arguments["bf16"], arguments["gradient_checkpointing"]) == (
        True,
        False,
        False,
    )


def test_a_lora_on_a_gpu_lies_over_two_byte_weights() -> None:
    # Lists in the order of their file, for a curriculum.
    assert grpo_arguments(Recipe(), Path("o"), 1)["shuffle_dataset"] is True
    assert grpo_arguments(Recipe(shuffle=False), Path("o"), 1)["shuffle_dataset"] is False
    assert sft_arguments(Recipe(shuffle=False), Path("o"), 1)["train_sampling_strategy"] == "sequential"
    assert grpo_arguments(Recipe(lora_rank=8), Path("o"), 1)["model_init_kwargs"] == {"dtype": "bfloat16"}
    assert grpo_arguments(Recipe(), Path("o"), 1)["model_init_kwargs"] == {"dtype": "float32"}


@settings(deadline=None)
@given(
    st.integers(1, 8), st.integers(2, 16), st.integers(1, 4), st.integers(1, 32), st.sampled_from([1, 2, 4])
)
def test_batches_cover_an_update_exactly(
    mini: int, rollouts: int, updates: int, micro: int, devices: int
) -> None:
    recipe = Recipe(prompts=mini * updates, mini_batch=mini, rollouts=rollouts, micro_batch=micro)
    try:
        cut = batches(recipe, devices, rollouts=rollouts)
    except UsageError:
        return
    assert cut.micro * cut.an_update * devices == mini * rollouts
    assert cut.a_step == cut.an_update * updates


def test_a_micro_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(UsageError, match="micro_batch = 3: expected a divisor of 4 / 1"):
        batches(Recipe(prompts=1, mini_batch=1, rollouts=4, micro_batch=3), 1, rollouts=4)
    with pytest.raises(UsageError, match=r"prompts = 12: expected a multiple of mini_batch \(8\)"):
        batches(Recipe(prompts=12), 1, rollouts=2)
    assert batches(Recipe(micro_batch=999), 1, rollouts=1) == Batches(8, 1, 16, 1920)


def test_a_recipe_written_out_reads_the_same(tmp_path: Path) -> None:
    recipe = Recipe(
        loss=Loss.DAPO, clip_reward=None, weights=(1, 0, 0.5), kl=0.0, seed=7, lora_rank=4, delta=3.0
    )
    (tmp_path / "r.toml").write_text(to_toml(recipe))
    assert load_recipe(str(tmp_path / "r.toml")) == recipe


def test_the_rules_of_the_reward_are_the_recipes() -> None:
    recipe = Recipe(clip_reward=None, format_check=FormatCheck.PAPER)
    assert recipe.rules(think=False) == Rules(check=FormatCheck.PAPER, clip=None, think=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learning_rat = 1e-6", "unknown key 'learning_rat' in a recipe; did you mean 'learning_rate'?"),
        ("beta = 0.1", "unknown key 'beta' in a recipe; did you mean"),
        ("steps = 0", "steps: expected 1 or more, found 0"),
        ("steps = 1.5", "steps: expected a whole number, found 1.5"),
        ("steps = true", "steps: expected a whole number, found True"),
        ("vllm = 1", "vllm: expected true or false, found 1"),
        ("kl = -1", "kl: expected 0 or more, found -1"),
        ("delta = 0.5", "delta: expected 1 or more, found 0.5"),
        ("num_iterations = 0", "num_iterations: expected 1 or more, found 0"),
        ("entropy_bonus = -1", "entropy_bonus: expected 0 or more, found -1"),
        ('vllm_correction = "both"', "vllm_correction: expected one of none, token_truncate"),
        ("top_p = 2", "top_p: expected 0.01 to 1, found 2"),
        (
            'loss = "ppo"',
            "loss: expected one of grpo, dapo, dr_grpo, bnpo, cispo, sapo, luspo, vespo, found 'ppo'",
        ),
        ("weights = [1, 2]", "weights: expected three numbers"),
        ("weights = [1, 2, true]", "weights: expected three numbers"),
        ("weights = [0, 0, 0]", "not all 0, found [0, 0, 0]"),
        ('clip_reward = "no"', "clip_reward: expected a number, found 'no'"),
        ("steps = ", "expected a recipe as TOML"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    place = tmp_path / "recipe.toml"
    place.write_text(text)
    with pytest.raises(DataError) as caught:
        load_recipe(str(place))
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(place))


def test_settings_override_and_are_checked() -> None:
    assert with_setting(Recipe(), "learning-rate=2e-6").learning_rate == 2e-6
    assert with_setting(Recipe(), "clip_reward=none").clip_reward is None
    with pytest.raises(UsageError, match="did you mean 'rollouts'"):
        with_setting(Recipe(), "rollout=3")
    with pytest.raises(UsageError, match="expected KEY=VALUE"):
        with_setting(Recipe(), "seed")
    with pytest.raises(MissingInput, match="the recipe cannot be read"):
        load_recipe("none.toml")
