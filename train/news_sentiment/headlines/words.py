"""The words that generated headlines are made of, and which side each is on: written for this project.

They are everyday words of company news, put together by hand from what such headlines are about (results, orders,
costs, law suits, ratings); no published list was copied. `unseen` parts are kept out of training.
"""

from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


GOOD_METRICS = _words(
    "profit, revenue, sales, net income, operating margin, orders, demand, cash flow, bookings, market share, "
    "output, earnings, subscriber growth, productivity"
)
BAD_METRICS = _words("losses, debt, costs, bad loans, customer churn, expenses, complaints, delays, impairments, waste")
RISES = _words("rises, jumps, climbs, grows, surges, increases, advances, soars, expands, accelerates, doubles")
FALLS = _words("falls, drops, slides, shrinks, plunges, declines, decreases, slumps, narrows, weakens, halves")
RISE_NOUNS = _words("rise, jump, increase, growth, surge")
FALL_NOUNS = _words("fall, drop, decline, decrease, slump")
STILL = _words("is unchanged, holds steady, is flat, is little changed, matches last year")


@dataclass(frozen=True)
class Event:
    """What happens: `says` follows the name, `base` follows "does not" and "may"."""

    says: str
    base: str


def _events(text: str) -> tuple[Event, ...]:
    """Lines of "verb verb+s rest": `base` with the first, `says` with the second."""
    found = []
    for line in text.strip().splitlines():
        base, says, rest = line.strip().split(" ", 2)
        found.append(Event(f"{says} {rest}", f"{base} {rest}"))
    return tuple(found)


GOOD_EVENTS = _events(
    """
    beat beats estimates
    win wins large contract
    raise raises full year outlook
    secure secures regulatory approval
    settle settles patent dispute
    launch launches share buyback
    lift lifts dividend
    resume resumes production
    repay repays loan early
    reach reaches record deliveries
    earn earns credit upgrade
    open opens profitable plant
    attract attracts strong investor interest
    sign signs supply deal
    top tops forecasts
    post posts strong growth
    return returns to profit
    swing swings to profit
    announce announces breakthrough
    land lands major order
    gain gains market share
    get gets upgrade to buy
    hit hits record high
    win wins court appeal
    avert averts strike
    avoid avoids default
    exit exits bankruptcy
    recover recovers from slump
    improve improves guidance
    see sees robust demand
    expand expands buyback
    clear clears safety review
    """
)
BAD_EVENTS = _events(
    """
    miss misses estimates
    lose loses large contract
    cut cuts full year outlook
    face faces fraud probe
    recall recalls faulty products
    suspend suspends dividend
    halt halts production
    breach breaches loan terms
    report reports data theft
    shed sheds thousands of jobs
    suffer suffers credit downgrade
    close closes unprofitable plant
    warn warns of weak demand
    delay delays key project
    file files for bankruptcy
    lower lowers guidance
    scrap scraps dividend
    post posts weak results
    swing swings to annual loss
    restate restates earnings
    pay pays heavy fine
    hit hits record low
    fire fires chief amid scandal
    write writes down goodwill
    violate violates safety rules
    get gets downgrade to sell
    lose loses court appeal
    fall falls short of target
    settle settles charges of misconduct
    abandon abandons merger
    face faces shareholder lawsuit
    trail trails rivals
    """
)
PLAIN_EVENTS = _events(
    """
    hold holds annual meeting
    appoint appoints new chairman
    move moves headquarters
    publish publishes annual report
    name names auditor
    present presents at industry conference
    change changes ticker symbol
    plan plans call with analysts
    confirm confirms date of results
    file files routine statement
    schedule schedules investor day
    report reports results on tuesday
    reiterate reiterates guidance
    maintain maintains dividend
    open opens new office
    complete completes share split
    rename renames unit
    appoint appoints chief financial officer
    issue issues agenda
    set sets record date
    webcast webcasts presentation
    """
)
UNSEEN_GOOD_EVENTS = _events(
    """
    outperform outperforms rivals
    regain regains investment grade
    exceed exceeds forecasts
    boost boosts payout
    triumph triumphs in court
    """
)
UNSEEN_BAD_EVENTS = _events(
    """
    default defaults on bonds
    underperform underperforms rivals
    slash slashes payout
    collapse collapses into insolvency
    lag lags forecasts
    """
)
UNSEEN_RISES = _words("leaps, rallies, strengthens")
UNSEEN_FALLS = _words("tumbles, sinks, deteriorates")
NEGATIONS = _words("does not, fails to, did not")
DOUBTS = _words("may, could, is rumoured to, might")
QUESTIONS = _words("analysts ask whether, traders wonder if, no word on whether")
SIZES = _words(
    "12 %, by a third, 3.4 percent, sharply, slightly, by $40 million, more than expected, to €1.2 bn, a little"
)
TIMES = _words("in third quarter, on Monday, after merger, this year, in Asia, amid rate talks, in early trade")
LEADS = _words("UPDATE 1:, BRIEF:, Breaking -, Market wrap:")
