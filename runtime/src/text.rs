//! Small help with words in messages.

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

/// Edits (insert, delete, replace) that turn one word into the other; 64 for words too long to be typing mistakes.
fn distance(one: &str, other: &str) -> usize {
    const FAR: usize = 64;
    if one.len() > FAR || other.len() > FAR {
        return FAR;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replace = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_the_word_that_was_meant() {
        assert_eq!(nearest("edge_pct", ["delta", "edge_percent"]), None);
        assert_eq!(nearest("edge_precent", ["delta", "edge_percent"]), Some("edge_percent"));
        assert_eq!(nearest("cv_fold", ["cv_folds", "test_split"]), Some("cv_folds"));
    }
}
