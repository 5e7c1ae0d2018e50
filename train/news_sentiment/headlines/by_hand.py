"""Headlines written by hand in the manner of news agencies, labelled by whoever wrote them; no rule made them.

Companies are invented. Nothing is fitted on them, but they are not untouched: whoever chose the events of the grammar
knew them, and added events after a first result on them.
"""

import numpy as np

from train.news_sentiment.headlines.grammar import Headlines

_POSITIVE = """
Castellan Foods tops quarterly profit forecasts on strong snack demand
Regulator clears Brightmoor's cancer drug after priority review
Orrin Steel swings to profit as prices recover
Chipmaker Tessellate raises full-year outlook, shares climb
Hollis Air returns to black after two years of losses
Pinecrest Bank lifts dividend, launches $2 billion buyback
Court throws out patent claim against Lindgren Medical
Moorland Energy strikes largest gas find in a decade
Greyfriars upgraded to investment grade by rating agency
Vessel orders at Nordhavn hit record high
Copperfield beats estimates as cloud revenue surges
Debt at Ransome falls for sixth straight quarter
Strike averted at Bayliss as union accepts pay offer
Whitlock wins $900 million defence contract
Insurer Amberley sees claims ease after mild winter
"""
_NEGATIVE = """
Larkin Motors slashes sales target as demand weakens
Prosecutors charge former Dunmere executives with fraud
Tollgate warns of bigger annual loss, shares tumble
Hexham Retail to close 120 stores and cut 4,000 jobs
Data breach at Corvane exposes two million customers
Sable Mining halts output after fatal accident
Quarry Bank misses profit estimates on rising bad loans
Downgrade to junk looms for debt-laden Peverell
Ashdown scraps dividend to save cash
Regulators reject Winterbourne's heart drug
Delays to new jet cost Aldermoor $1.5 billion
Costs climb faster than revenue at Fairlight
Bondholders sue Tamarind over missed payment
Recall of faulty batteries widens at Voltaire Cells
Kingsmead fails to win approval for merger
"""
_NEUTRAL = """
Castellan Foods to report third-quarter results on November 5
Orrin Steel names Maria Lopes chief financial officer
Pinecrest Bank to hold annual meeting in Leeds
Hollis Air moves head office to Rotterdam
Greyfriars reaffirms full-year guidance
Moorland Energy files annual report with regulator
Copperfield to present at technology conference next week
Quarterly revenue at Lindgren Medical little changed from a year ago
Nordhavn changes ticker symbol after renaming
Whitlock appoints new auditor
Analysts divided on prospects of Tessellate
Amberley plans investor day in March
Bayliss completes two-for-one share split
Brightmoor issues agenda for shareholder vote
Ransome keeps dividend unchanged
"""


def by_hand() -> Headlines:
    """Fifteen of each label."""
    parts = [(text, sign) for block, sign in ((_NEGATIVE, -1), (_NEUTRAL, 0), (_POSITIVE, 1)) for text in _lines(block)]
    return Headlines([text for text, _ in parts], np.array([sign for _, sign in parts], dtype=np.int64))


def _lines(block: str) -> list[str]:
    return [line for line in block.strip().splitlines() if line]
