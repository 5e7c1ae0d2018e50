"""Names of columns -> meanings, contracts' symbols -> root, expiry, side and strike (docs/option_chains.md)."""

import datetime as dt
import re
from collections.abc import Sequence
from typing import NamedTuple

NAMES = {
    "contract": "contractsymbol option optionsymbol optionroot instrumentname instrument detailsticker occ contract "
    "contractname localsymbol symbol ticker",
    "underlying": "underlying underlyingsymbol underlyingassetticker root rootsymbol actsymbol chainsymbol "
    "ticker symbol",
    "day": "quotedate date datadate tradedate asof asofdate",
    "moment": "quotereadtime quotetime snapshot fetchedat timestamp creationtimestamp",
    "quoted": "lastupdated lastquotelastupdated quotedatetime quotetimestamp quotedat quotetimeinlong updatedat "
    "biddate askdate",
    "expiry": "expiration expirationdate detailsexpirationdate expiry expirydate expiredate exdate expdate maturity "
    "maturitydate expirdate lasttradedateorcontractmonth lasttradingday",
    "side": "optiontype type side right cpflag callput putcall contracttype detailscontracttype cp",
    "strike": "strike strikeprice detailsstrikeprice k",
    "bid": "bid bidprice bestbid bestbidprice lastquotebid bid1545 bideod",
    "ask": "ask askprice bestask bestaskprice bestoffer offer offerprice lastquoteask ask1545 askeod",
    "mark": "mark markprice mid midprice middle",
    "last": "last lastprice lastsale lasttradeprice dayclose close",
    "iv": "impliedvolatility impliedvol implvolatility iv markiv midiv greeksmidiv iv1545 impliedvolatility1545",
    "volume": "volume dayvolume vol tradevolume totalvolume",
    "interest": "openinterest oi openint optionopeninterest",
    "spot": "spot spotprice underlyinglast underlyingprice stockprice undprice currentprice activeunderlyingprice1545 "
    "underlyingassetprice",
    "underlyingbid": "underlyingbid underlyingbid1545 underlyingbideod",
    "underlyingask": "underlyingask underlyingask1545 underlyingaskeod",
    "index": "indexprice estimateddeliveryprice",
    "quotecurrency": "quotecurrency",
}
TEXTS = ("contract", "underlying", "day", "moment", "quoted", "expiry", "side", "quotecurrency")
"""Meanings whose cells are no numbers."""
CALL, PUT = 1, -1
SIDES = {
    "c": CALL,
    "call": CALL,
    "calls": CALL,
    "ce": CALL,
    "p": PUT,
    "put": PUT,
    "puts": PUT,
    "pe": PUT,
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKLIES = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX", "XSPW": "XSP", "DJXW": "DJX"}
"""Roots of an index's other series."""
_OCC = re.compile(r"(?:O:)?([A-Z][A-Z.]{0,5}[0-9]?)\s*([0-9]{6})\s*([CP])\s*([0-9]{4,9})", re.ASCII)
_DERIBIT = re.compile(r"([A-Z0-9_]{1,12})-([0-9]{1,2})([A-Z]{3})([0-9]{2})-([0-9]+(?:D[0-9]+)?)-([CP])", re.ASCII)


class Contract(NamedTuple):
    """What a contract's symbol says; `strike` in dollars, `coin`: its prices may be in the coin (Deribit)."""

    root: str
    expiry: dt.date
    side: int
    strike: float
    coin: bool


def short(name: str) -> str:
    """A column's name without case, blanks and marks."""
    return re.sub(r"[\s_.\-\[\]/]", "", name).lower()


def find_columns(header: Sequence[str], first: Sequence[str]) -> dict[str, int]:
    """Meaning -> place of the first of its names that is there.

    Args:
        header: the names.
        first: cells of the first row: they tell whether `symbol` is a contract or an underlying.
    """
    names = [short(name) for name in header]
    found: dict[str, int] = {}
    for meaning, spellings in NAMES.items():
        for name in spellings.split():
            if name not in names:
                continue
            at = names.index(name)
            if at in found.values():
                continue
            cell = first[at].strip() if at < len(first) else ""
            if meaning == "contract" and parse_contract(cell) is None:
                continue
            if meaning == "day" and len(cell) >= 9 and cell.isdigit():
                continue  # an epoch: of the last trade
            found[meaning] = at
            break
    return found


def parse_contract(text: str) -> Contract | None:
    """A contract's symbol as OCC, OptionMetrics and Deribit write it; None where it is none."""
    text = text.strip().upper()
    try:
        if found := _OCC.fullmatch(text):
            root, day, side, strike = found.groups()
            date = dt.date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
            return Contract(root, date, CALL if side == "C" else PUT, int(strike) / 1000.0, False)
        if found := _DERIBIT.fullmatch(text):
            root, d, month, year, strike, side = found.groups()
            if month.lower() not in MONTHS:
                return None
            date = dt.date(2000 + int(year), MONTHS.index(month.lower()) + 1, int(d))
            coin = "_" not in root
            return Contract(root, date, CALL if side == "C" else PUT, float(strike.replace("D", ".")), coin)
    except ValueError:
        return None
    return None


def occ_symbol(root: str, expiry: dt.date, side: int, strike: float) -> str:
    """The OCC symbol of a contract."""
    return f"{root}{expiry:%y%m%d}{'C' if side == CALL else 'P'}{round(strike * 1000):08d}"
