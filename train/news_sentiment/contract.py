"""What goes in and out of the sentiment model, and which texts it takes. Standard library only."""

from train.core.contract import Column, Tensor
from train.core.errors import PipelineError

NEWS_SENTIMENT = "news_sentiment"
MODEL_FILE = "model.skops"
LABELS = ("negative", "neutral", "positive")
CLASSES = (-1, 0, 1)
"""The labels as numbers; the score is their mean under the probabilities."""
BRIER, LABEL = "Brier", "label"
"""The measure of the gate, and the array of its window that holds what is true."""
MOST_BYTES = 100_000
"""Of a text in UTF-8: a headline has some hundred, a long article some ten thousand."""
TEXT = Tensor("text", ("batch", "text"), (Column("text", meaning="a headline, UTF-8"),), dtype="string")
PROBABILITIES = Tensor(
    "probabilities", ("batch", "class"), tuple(Column(label, "probability", 0.0, 1.0) for label in LABELS)
)
SCORE = Tensor("score", ("batch", "value"), (Column("score", None, -1.0, 1.0, meaning="P(positive) - P(negative)"),))
TERMS = Tensor(
    "terms",
    ("batch", "value"),
    (Column("terms", None, 0.0, meaning="words and pairs of words that it knows; with none the answer says nothing"),),
)


def check_text(value: object, where: str) -> str:
    """`value` as a text that the model takes.

    Raises:
        PipelineError: it is no text, empty, too long, not UTF-8 or holds a NUL; names the field `text`.
    """
    if not isinstance(value, str):
        raise PipelineError(f"{where}: field 'text' must be a text, found {value!r:.60}")
    if not value.strip():
        raise PipelineError(f"{where}: field 'text' is empty; leave the row out")
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise PipelineError(
            f"{where}: field 'text' is not UTF-8: half of a surrogate pair at character {error.start}; mend the text"
        ) from error
    if "\0" in value:
        raise PipelineError(f"{where}: field 'text' holds a NUL at character {value.index(chr(0))}; take it out")
    if size > MOST_BYTES:
        raise PipelineError(f"{where}: field 'text' has {size:,} bytes, expected at most {MOST_BYTES:,}; shorten it")
    return value


def check_label(value: str, where: str) -> int:
    """A label, by name or as -1, 0 or 1, as its class.

    Raises:
        PipelineError: it is none; names the field `label`.
    """
    plain = value.strip().lower()
    if plain in LABELS:
        return CLASSES[LABELS.index(plain)]
    if plain in ("-1", "0", "1", "+1"):
        return int(plain)
    raise PipelineError(f"{where}: field 'label' must be one of {', '.join(LABELS)} (or -1, 0, 1), found {value!r:.60}")
