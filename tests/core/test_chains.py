"""Option chains: what is known of the generated ones is found again, and nothing is read that is not there."""

import json
from typing import Any

import numpy as np
import pytest

from tests.data.make_chains import FORMATS, HERE, files
from train.core.chains.cells import date_of
from train.core.chains.chain import Chain, read_chain
from train.core.chains.columns import CALL


def load(name: str) -> tuple[Chain, dict[str, Any]]:
    expected = json.loads((HERE / name / "expected.json").read_text())
    return read_chain(HERE / name / expected["file"]), expected


def test_the_files_are_what_their_generator_writes() -> None:
    for path, text in files().items():
        assert path.suffix == ".parquet" or path.read_bytes() == text, path  # Parquet names the library that wrote it


@pytest.mark.parametrize("name", list(FORMATS))
def test_each_format_is_read_as_its_truth_says(name: str) -> None:
    chain, expected = load(name)
    days = list(chain.days())
    assert chain.symbol == expected["symbol"]
    assert dict(chain.left_out) == expected["left_out"]
    assert [str(day.date) for day in days] == [day["date"] for day in expected["days"]]
    for day, known in zip(days, expected["days"], strict=True):
        assert day.spot == pytest.approx(known["spot"], rel=1e-12)
        assert (len(day.quotes), len(day.surface)) == (known["tradeable"], known["kept"])
        for expiry, truth in zip(day.expiries, known["expiries"], strict=True):
            assert (str(expiry.date), expiry.own_discount) == (truth["expiry"], truth["own_discount"])
            assert expiry.forward == pytest.approx(truth["forward"], rel=1e-12)
            assert expiry.discount == pytest.approx(truth["discount"], rel=1e-12)
            # Deribit's prices come in steps of 30 $.
            assert expiry.forward == pytest.approx(truth["true_forward"], rel=1e-3 if "deribit" in name else 1e-4)
        table = {
            (str(date_of(e)), k, s): iv
            for e, k, s, iv in day.surface[["expiry", "strike", "side", "iv"]].itertuples(index=False)
        }
        for quote in known["quotes"]:
            iv = table[quote["expiry"], quote["strike"], 1 if quote["side"] == "C" else -1]
            assert iv == pytest.approx(quote["iv"], rel=1e-9)
            assert iv == pytest.approx(quote["true_iv"], abs=0.03 if "deribit" in name else 0.006)


def test_exact_prices_give_the_truth_itself() -> None:
    chain, expected = load("exact")
    (day,) = chain.days()
    for expiry, truth in zip(day.expiries, expected["days"][0]["expiries"], strict=True):
        assert expiry.forward == pytest.approx(truth["true_forward"], rel=1e-11)
        assert expiry.discount == pytest.approx(truth["true_discount"], rel=1e-11)
    assert np.isfinite(day.quotes["iv"]).all()
    assert set(day.quotes["side"]) == {CALL, -CALL}
