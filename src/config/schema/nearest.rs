//! Which known word somebody meant who wrote another.

/// The known word that is at most a third of its length away from `found`; none if nothing is near.
pub(in crate::config) fn nearest<'k>(found: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    /// Longer words are no slip of the hand, and comparing them costs.
    const COMPARED_MAX: usize = 64;
    if found.len() > COMPARED_MAX {
        return None;
    }
    let lowered = found.to_lowercase().replace('-', "_");
    known
        .map(|word| (edits(&lowered, word), word))
        .filter(|(edits, word)| *edits <= (word.len() / 3).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// How many letters must be added, taken away, changed or swapped with their neighbour (optimal string alignment).
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before_last: Vec<usize> = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i; to.len() + 1];
        for j in 1..=to.len() {
            let changed = usize::from(from[i - 1] != to[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + changed);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}
