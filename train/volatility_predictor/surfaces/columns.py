"""The header of a surface file -> what each column means; the rules of `runtime/src/surface/columns.rs`.

The engine's own names come first; other spellings (snake_case, Title Case, blanks, common abbreviations) mean the same.
A file is of the old script's shape only when no column tells symbol, expiry or type. Two columns that mean the same, or
one that could mean two things, are refused with both readings.
"""

from dataclasses import dataclass
from pathlib import Path

from train.core.errors import PipelineError
from train.volatility_predictor.surfaces.file_name import says_volatility

NOT_A_SURFACE = "row 1: not the header of a surface file"
"""How the refusal of another kind of file begins."""
SNAPSHOT, DATED, OLD, INDEX = "snapshot", "dated", "old", "index"
_HEADERS = (
    "Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume (with or without a leading Date), "
    "date,strike,implied_vol,volume,moneyness, or date,close"
)
_INDEX_ALSO = ("open", "high", "low")
_OF_PRICES = ("adj close", "adj_close", "volume", "dividends", "stock splits")
"""What a price file has besides; an index has it only where the file's name says volatility."""
_EXACT = {
    "date": "date",
    "symbol": "symbol",
    "strike": "strike",
    "timetoexpiry": "tenor",
    "implied_vol": "iv",
    "impliedvol": "iv",
    "moneyness": "moneyness",
    "optiontype": "kind",
    "volume": "volume",
}
_SPELLINGS = {
    "date": "date tradedate tradingdate quotedate asof asofdate datadate observationdate quotetime timestamp datetime",
    "symbol": "symbol ticker underlying underlyingsymbol underlyingticker root rootsymbol undsymbol",
    "strike": "strike strikeprice k exerciseprice",
    "tenor": "timetoexpiry timetoexpiration timetomaturity timetoexpiryyears tte ttm tau t tenor yearstoexpiry "
    "yearstoexpiration yearfraction expiryyears maturityyears",
    "days": "dte days daystoexpiry daystoexpiration daystomaturity timetoexpirydays dtm expirydays",
    "expiry": "expiry expiration expirydate expirationdate expdate exdate maturity maturitydate expiredate",
    "iv": "impliedvol impliedvolatility iv impvol impvolatility midiv ivmid sigma",
    "ivpercent": "iv% ivpct ivpercent impliedvol% impliedvolpct impliedvolpercent impliedvolatility% "
    "impliedvolatilitypct impliedvolatilitypercent",
    "moneyness": "moneyness strikeoverspot strikespot kovers",
    "logmoneyness": "logmoneyness lnmoneyness logm",
    "percentmoneyness": "moneyness% moneynesspct moneynesspercent",
    "kind": "optiontype type right cp cpflag callput putcall callorput putorcall optionright",
    "volume": "volume tradevolume tradedvolume optionvolume dailyvolume contractvolume",
    "spot": "spot spotprice underlyingprice underlyinglast stockprice undprice underlyingclose",
    "price": "mid midprice midpoint mark markprice optionprice optionmid premium",
    "bid": "bid bidprice bestbid",
    "ask": "ask askprice bestask offer",
}
_MEANING = {name: meaning for meaning, names in _SPELLINGS.items() for name in names.split()}
_WORDS = {
    "tenor": "the time to expiry",
    "iv": "the implied volatility",
    "moneyness": "the moneyness",
    "date": "the date",
    "symbol": "the symbol",
    "strike": "the strike",
    "kind": "the option type",
    "volume": "the volume",
    "spot": "the spot price",
}
_FAMILY = {
    "days": "tenor",
    "expiry": "tenor",
    "ivpercent": "iv",
    "logmoneyness": "moneyness",
    "percentmoneyness": "moneyness",
}


_COMPARED = ("price", "bid", "ask")
_HARMLESS = frozenset(
    word
    for line in (
        "index id level0 openinterest oi delta gamma vega theta rho last lastprice lastsale exchange currency note",
        "notes comment change changepct bidsize asksize source quality count vol open high low close",
    )
    for word in line.split()
)
"""Names that tell neither expiry nor symbol nor type."""
_OF_IV = ("rank", "percentile", "change", "chg", "date", "time", "error", "source")
"""Parts of the names of what is said about a volatility, and is none."""
_OTHER_IVS = frozenset(
    side + "iv" if before else "iv" + side
    for side in ("bid", "ask", "call", "put", "model", "mark", "last", "smooth", "fit", "trade")
    for before in (True, False)
)


@dataclass(frozen=True)
class Shape:
    """Where each column stands (-1: nowhere), and what its name says of its unit."""

    name: str
    names: tuple[str, ...]
    date: int = -1
    symbol: int = -1
    strike: int = -1
    tenor: int = -1
    iv: int = -1
    moneyness: int = -1
    kind: int = -1
    volume: int = -1
    spot: int = -1
    expiry: int = -1
    """The date of expiry that a time to expiry is held against, or `days` to it."""
    days: int = -1
    price: int = -1
    bid: int = -1
    ask: int = -1
    tenor_unit: str = "tenor"
    iv_unit: str = "iv"
    moneyness_unit: str = "moneyness"
    unknown: str = ""
    """A column of the old script's shape that may tell expiry, symbol or type: its name is not known."""
    also: tuple[str, ...] = ()
    """Columns of other implied volatilities (the bid's, the call's, a model's), which are not read."""

    @property
    def numbers(self) -> list[int]:
        """The columns that hold numbers."""
        tenor = -1 if self.tenor_unit == "expiry" else self.tenor
        read = (self.strike, tenor, self.iv, self.moneyness, self.volume, self.spot)
        return [at for at in (*read, *self.compared) if at >= 0]

    @property
    def compared(self) -> tuple[int, ...]:
        """The columns of numbers that are not read, but held against those that are; -1: not there."""
        return self.days, self.price, self.bid, self.ask

    @property
    def expiries(self) -> int:
        """The column of dates of expiry, read or compared; -1: there is none."""
        return self.tenor if self.tenor_unit == "expiry" else self.expiry


def read_header(path: Path, header: list[str]) -> Shape:
    """The shape of a file.

    Raises:
        PipelineError: it is another kind of file, or could be read in two ways.
    """
    names = tuple(name.strip().lower() for name in header)
    twice = next((name for at, name in enumerate(names) if name and name in names[:at]), None)
    if twice is not None:
        raise PipelineError(f"{path}: row 1: column '{twice}' stands twice")
    places, units = _places(path, names)
    if "iv" in places and "strike" in places and ("moneyness" in places or "spot" in places):
        return _surface(path, names, places, units)
    others = [name for name in names if _is_other_iv(name)]
    if "iv" not in places and "strike" in places and others:
        raise PipelineError(
            f"{path}: row 1: column '{others[0]}' is one of several implied volatilities, and none is the quote's own; "
            "call the one to read implied_vol (of bid and ask: their middle; calls and puts: a row each)"
        )
    index = _index(path, names)
    if index is not None:
        return Shape(INDEX, names, date=index[0], iv=index[1])
    found = ",".join(header)
    prices = {"date", "close"} <= set(names) and set(names) <= {"date", "close", "", *_INDEX_ALSO, *_OF_PRICES}
    hint = "; an index of volatility with these columns is read when its name says so: vix.csv" if prices else ""
    raise PipelineError(f"{path}: {NOT_A_SURFACE}: '{found[:200]}'; expected {_HEADERS}{hint}")


def _places(path: Path, names: tuple[str, ...]) -> tuple[dict[str, int], dict[str, str]]:
    places = {meaning: names.index(name) for name, meaning in _EXACT.items() if name in names}
    units: dict[str, str] = {}
    exact = set(places)
    short = [_letters(name) for name in names]
    for at, name in enumerate(short):
        unit = _MEANING.get(name)
        meaning = _FAMILY.get(unit or "", unit)
        if unit is None or meaning is None or at in places.values():
            continue
        if meaning in _COMPARED:
            # Two prices may differ, and neither is read.
            places[meaning] = -1 if meaning in places else at
        elif meaning in exact and meaning != "iv":
            if unit in ("expiry", "days"):
                places.setdefault(unit, at)
        elif meaning not in places:
            places[meaning], units[meaning] = at, unit
        elif unit == "expiry":
            # A time to expiry beside the date of expiry is no contradiction: the number is read, and held against it.
            places.setdefault("expiry", at)
        elif units.get(meaning) == "expiry":
            places.setdefault("expiry", places[meaning])
            places[meaning], units[meaning] = at, unit
        else:
            raise PipelineError(
                f"{path}: row 1: columns '{names[places[meaning]]}' and '{names[at]}' could both be "
                f"{_WORDS[meaning]}; keep one"
            )
    if "vol" in short:
        at = short.index("vol")
        if "iv" in places and "volume" not in places:
            places["volume"] = at
        elif "iv" not in places and "volume" in places:
            places["iv"] = at
        elif "iv" not in places and "strike" in places:
            raise PipelineError(
                f"{path}: row 1: column '{names[at]}' can be read as the implied volatility and as the volume; "
                "call it implied_vol or volume"
            )
    return places, units


def _surface(path: Path, names: tuple[str, ...], places: dict[str, int], units: dict[str, str]) -> Shape:
    telling = [names[places[meaning]] for meaning in ("symbol", "kind") if meaning in places]
    if "tenor" not in places and telling:
        raise PipelineError(
            f"{path}: row 1: column '{telling[0]}' is there, but none for the time to expiry (time_to_expiry in years, "
            "dte in days or expiry as a date); expiries must not be mixed"
        )
    if "tenor" not in places and "date" not in places:
        raise PipelineError(f"{path}: {NOT_A_SURFACE}: '{','.join(names)[:200]}'; expected {_HEADERS}")
    if units.get("tenor") == "expiry" and "date" not in places:
        raise PipelineError(
            f"{path}: row 1: column '{names[places['tenor']]}' is the date of expiry, and no column is the date of the "
            "row; add one, or time_to_expiry in years"
        )
    name = OLD if "tenor" not in places else DATED if "date" in places else SNAPSHOT
    return Shape(
        name,
        names,
        **places,
        tenor_unit=units.get("tenor", "tenor"),
        iv_unit=units.get("iv", "iv"),
        moneyness_unit=units.get("moneyness", "moneyness"),
        unknown=next((one for one in names if _may_part(one)), "") if name == OLD else "",
        also=tuple(one for one in names if _is_other_iv(one)),
    )


def _may_part(name: str) -> bool:
    """Whether a name that nothing is known of may be that of expiry, symbol or type."""
    letters = _letters(name)
    known = letters in _MEANING or letters in _HARMLESS or _is_other_iv(name)
    return bool(letters) and not known and not letters.startswith("unnamed")


def _is_other_iv(name: str) -> bool:
    """Whether a column holds an implied volatility by a name that is not the quote's own: `bid_iv`, `iv_call`."""
    letters = _letters(name)
    if letters in _MEANING or any(word in letters for word in _OF_IV):
        return False
    parts = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name).split()
    return "iv" in parts or "ivol" in parts or "impliedvol" in letters or letters in _OTHER_IVS


def _index(path: Path, names: tuple[str, ...]) -> tuple[int, int] | None:
    """Date and level of an index history, which has nothing else but open, high and low."""
    known = [name for name in names if name]
    also = _INDEX_ALSO + (_OF_PRICES if says_volatility(path) else ())
    if "date" in known and "close" in known and set(known) <= {"date", "close", *also}:
        return names.index("date"), names.index("close")
    # As the Federal Reserve's database writes it: observation_date,VIXCLS.
    level = [name for name in known if name.startswith("vix") or name.endswith("vixcls")]
    dates = [name for name in known if _MEANING.get(_letters(name)) == "date"]
    if len(known) == 2 and len(level) == 1 and len(dates) == 1:
        return names.index(dates[0]), names.index(level[0])
    return None


def _letters(name: str) -> str:
    """What is left of a name without blanks and marks; `Time To Expiry (years)` is timetoexpiryyears."""
    return "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter == "%"))
