//! "Did you mean": the known name that is nearest to an unknown one.

use strsim::damerau_levenshtein;

/// The candidate that was probably meant, if one is near enough. A key's last part under another section is near:
/// people remember names better than sections.
pub(super) fn suggest<'a>(unknown: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let leaf = unknown.rsplit('.').next().unwrap_or(unknown);
    let distance = |candidate: &str| {
        let same_leaf = unknown.contains('.') && candidate.ends_with(&format!(".{leaf}"));
        if same_leaf { 1 } else { damerau_levenshtein(unknown, candidate) }
    };
    nearest_by(unknown, candidates, distance)
}

/// The same for words whose parts all count alike.
pub(super) fn nearest<'a>(unknown: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_by(unknown, candidates, |candidate| damerau_levenshtein(unknown, candidate))
}

fn nearest_by<'a>(
    unknown: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    distance: impl Fn(&str) -> usize,
) -> Option<&'a str> {
    // A third of the letters may be wrong: beyond that a suggestion confuses more than it helps.
    let bound = (unknown.chars().count() / 3).max(1);
    let scored = candidates.into_iter().map(|candidate| (distance(candidate), candidate));
    scored
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_understood_and_nonsense_is_not() {
        let keys = ["http.listen", "rtmp.listen", "hub.grace_seconds"];
        for (unknown, expected) in [
            ("http.lisen", Some("http.listen")),
            ("htpp.listen", Some("http.listen")),
            ("rtmp.grace_seconds", Some("hub.grace_seconds")),
            ("http.colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(suggest(unknown, keys), expected, "{unknown}");
        }
    }
}
