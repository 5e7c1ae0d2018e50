//! Small help with words in messages.

/// UTF-8's byte order mark.
pub(crate) const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The text without the byte order mark.
pub(crate) fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(&MARK).unwrap_or(text)
}

/// The candidate that is most like `word`, if any is close enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap two neighbours) that turn one word into the other; 64 for words too long to be
/// typing mistakes.
fn distance(one: &str, other: &str) -> usize {
    const FAR: usize = 64;
    if one.len() > FAR || other.len() > FAR {
        return FAR;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replace = table[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
                let edit = replace.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                let swap = i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
                if swap { edit.min(table[i - 2][j - 2] + 1) } else { edit }
            };
        }
    }
    table[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_the_word_that_was_meant() {
        assert_eq!(nearest("edge_pct", ["delta", "edge_percent"]), None);
        assert_eq!(nearest("edge_precent", ["delta", "edge_percent"]), Some("edge_percent"));
        assert_eq!(nearest("detla", ["delta", "theta"]), Some("delta"));
        assert_eq!(nearest("cv_fold", ["cv_folds", "test_split"]), Some("cv_folds"));
    }
}
