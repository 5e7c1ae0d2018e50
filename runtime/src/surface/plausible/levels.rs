//! Levels from one day to the next; `plausible/levels.py` of `train/` alike.
//!
//! What moves as no market does is another unit; what moves as markets seldom do is said.

use jiff::civil::Date;

/// Overnight factors that are odd.
const RISE: f64 = 1.6;
const FALL: f64 = 0.6;
/// Overnight; the largest of 7,556 days of the VIX index is 2.2.
const DRASTIC: f64 = 3.0;
/// Between days that are far apart.
const DRASTIC_LATER: f64 = 8.0;
/// Calendar days between two neighbours that no run of holidays explains.
const LONGEST_GAP: i32 = 10;
/// Days that say how many quotes are usual.
const RECENT: usize = 10;
/// A day with less than a tenth of the usual quotes, which are so many at least, was cut off; less than 0.6 is odd.
const FEW: f64 = 10.0;
const USUAL: f64 = 20.0;
const HALF_A_DAY: f64 = 0.6;
/// A level so near to the square of the one before, relatively, is a variance.
const VARIANCE: f64 = 0.15;

/// Whether a change of the average implied volatility is drastic, and in words; `None` where it is usual.
pub(crate) fn level_change((day, before): (Date, f64), (next_day, after): (Date, f64)) -> Option<(bool, String)> {
    let factor = after / before;
    let text = format!("average implied volatility goes from {before:.4} on {day} to {after:.4} on {next_day}");
    let most = if (next_day - day).get_days() <= LONGEST_GAP { DRASTIC } else { DRASTIC_LATER };
    if factor >= most || factor <= 1.0 / most {
        return Some((true, format!("{text}; does its unit change?")));
    }
    if factor <= FALL && (after - before * before).abs() <= VARIANCE * after {
        return Some((true, format!("{text}, about its square; is it a variance?")));
    }
    (factor >= RISE || factor <= FALL).then(|| (false, format!("{text} ({:+.0} %)", (factor - 1.0) * 100.0)))
}

/// Whether a day has far fewer quotes than those before it (oldest first), and in words; `None` where it has enough.
pub(crate) fn quotes_change(date: Date, quotes: f64, before: &[f64]) -> Option<(bool, String)> {
    let mut recent = before[before.len().saturating_sub(RECENT)..].to_vec();
    recent.sort_by(f64::total_cmp);
    let usual = if recent.len() >= 3 { recent[recent.len() / 2] } else { 0.0 };
    (quotes < HALF_A_DAY * usual).then(|| {
        let text = format!("{date} has {quotes:.0} clean quotes, the days before it {usual:.0}: is the file whole?");
        (usual >= USUAL && quotes * FEW < usual, text)
    })
}
