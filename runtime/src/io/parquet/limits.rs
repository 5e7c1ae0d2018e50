//! Limits of a file, and how one that is damaged is refused.

/// Rows times columns of a file.
pub(super) const MAX_CELLS: u64 = 1 << 28;
/// Bytes.
pub(super) const LONGEST_CELL: usize = 1 << 17;

pub(super) fn damaged(reason: impl std::fmt::Display) -> String {
    let reason: Vec<String> = reason.to_string().split_whitespace().map(str::to_owned).collect();
    let short: String = reason.join(" ").chars().take(120).collect();
    format!("the Parquet data is damaged: {short}; fetch the file again")
}
