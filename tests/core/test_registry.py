"""A model is found by its folder, and a folder that is none is refused by name."""

import importlib
import sys
from pathlib import Path

import pytest

from train import registry
from train.core.errors import PipelineError

MODULE = """
from train.model import Model
class One(Model):
    name = {name!r}
    task = "regressor"
    inputs = outputs = ()
    reference = "nothing"
    def train(self, request): ...
    def load(self, folder): ...
MODEL = One()
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that `train` is found in besides its own."""
    import train

    monkeypatch.setattr(registry, "HERE", tmp_path)
    monkeypatch.setattr(train, "__path__", [*train.__path__, str(tmp_path)])
    registry.models.cache_clear()
    yield tmp_path
    registry.models.cache_clear()
    for name in [name for name in sys.modules if name.startswith(("train.one", "train.two"))]:
        del sys.modules[name]


def put(house: Path, folder: str, content: str | None, *, init: bool = True) -> None:
    (house / folder).mkdir()
    if init:
        (house / folder / "__init__.py").write_text("")
    if content is not None:
        (house / folder / "model.py").write_text(content)
    importlib.invalidate_caches()


def test_a_folder_with_a_model_is_found(house: Path) -> None:
    put(house, "one", MODULE.format(name="one"))
    assert list(registry.models()) == ["one"]


def test_a_folder_without_model_py_is_refused_by_name(house: Path) -> None:
    put(house, "one", None)
    with pytest.raises(PipelineError, match=r"one: a model's folder needs a model\.py"):
        registry.models()


def test_a_model_py_without_a_model_is_refused_by_name(house: Path) -> None:
    put(house, "one", "MODEL = 3")
    with pytest.raises(PipelineError, match=r"one/model\.py: must hold MODEL"):
        registry.models()


def test_two_models_of_one_name_are_refused(house: Path) -> None:
    put(house, "one", MODULE.format(name="one"))
    put(house, "two", MODULE.format(name="one"))
    with pytest.raises(PipelineError, match="two: says that its name is 'one', which another model has"):
        registry.models()


def test_a_model_must_be_named_as_its_folder(house: Path) -> None:
    put(house, "two", MODULE.format(name="other"))
    with pytest.raises(PipelineError, match="two: says that its name is 'other'; it must be the folder's"):
        registry.models()


def test_what_a_removed_model_left_behind_is_no_model(house: Path) -> None:
    (house / "two" / "__pycache__").mkdir(parents=True)
    assert registry.models() == {}


def test_a_name_that_no_model_has_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(PipelineError, match=r"no model 'sentiment' here; there are .*, "):
        registry.model_named("sentiment")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('raise ValueError("boom")', "ValueError: boom"),
        ("def (", "SyntaxError"),
        (
            "from train.model import Model\nclass One(Model):\n    name = 'one'\nMODEL = One()",
            "TypeError: Can't instantiate abstract class One",
        ),
    ],
)
def test_a_model_py_that_cannot_be_imported_is_one_line(content: str, said: str, house: Path) -> None:
    put(house, "one", content)
    with pytest.raises(PipelineError, match=rf"one/model\.py: cannot be imported: {said}"):
        registry.models()
