"""The config file in both shapes, and every mistake named by its path (the same cases run in Rust)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import SHARED
from train.config import Config, config_type, load_config
from train.core.errors import PipelineError
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from train.signal_classifier.settings import trade_threshold


def trade_threshold_of(config: Config) -> float:
    return trade_threshold(config.section(SIGNAL_CLASSIFIER), config.ml_integration)


CASES: list[dict[str, Any]] = json.loads(Path("tests/data/config_cases.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_shared_cases_are_accepted_or_refused_by_name(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "ml_config.json"
    path.write_text(json.dumps(case["config"]))
    if case["error"] is None:
        load_config(path)
        return
    with pytest.raises(PipelineError) as caught:
        load_config(path)
    assert case["error"] in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_default_config_is_valid() -> None:
    config = load_config(Path("config/ml_config.json"))
    assert trade_threshold_of(config) == 0.7


def test_the_engines_own_config_is_refused_only_for_its_pickles(tmp_path: Path) -> None:
    original = SHARED / "dollarbill" / "ml_config.json"
    with pytest.raises(PipelineError, match=r"models\.signal_classifier\.model_path.*signal_classifier\.pkl"):
        load_config(original)
    fixed = json.loads(original.read_text())
    fixed["models"]["signal_classifier"]["model_path"] = "artifacts/signal_classifier"
    fixed["models"]["volatility_predictor"]["model_path"] = "artifacts/volatility_predictor"
    path = tmp_path / "ml_config.json"
    path.write_text(json.dumps(fixed))
    config = load_config(path)
    assert trade_threshold_of(config) == 0.7
    assert config.ml_integration.confidence_threshold == 0.6
    assert config.models.signal_classifier.cache_enabled


def test_the_models_threshold_goes_before_the_common_one() -> None:
    assert trade_threshold_of(config_type().model_validate({"ml_integration": {"confidence_threshold": 0.6}})) == 0.6
    own = {
        "ml_integration": {"confidence_threshold": 0.6},
        "models": {"signal_classifier": {"confidence_threshold": 0.8}},
    }
    assert trade_threshold_of(config_type().model_validate(own)) == 0.8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ('{"models": ', "line 1"),
        ('{"models": {}, "models": {}}', "'models' stands twice"),
        ("\xff", "not"),
    ],
)
def test_a_file_that_is_not_json_is_refused_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "ml_config.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(PipelineError, match=said):
        load_config(path)


def test_a_missing_config_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="--config"):
        load_config(tmp_path / "none.json")
