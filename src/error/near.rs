//! What a misspelled name may have been meant to be: the one measure for columns, options, nodes, functions, files.

/// The name among `names` that is spelled most like `word`: at most one slip for three letters, whatever the case; else
/// one that is only longer or shorter by its end.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let letters = lower.chars().count();
    let slips_max = (letters / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    let mut part = None;
    for name in names {
        let theirs = name.to_lowercase();
        let slips = strsim::damerau_levenshtein(&lower, &theirs);
        // Of two letters the first must be right: else any short name would be near.
        let sound = letters > 2 || theirs.chars().next() == lower.chars().next();
        let is_near = slips == 0 || (slips <= slips_max && slips < letters && sound);
        if is_near && best.is_none_or(|(least, _)| slips < least) {
            best = Some((slips, name));
        }
        let ends_differ = theirs.starts_with(&lower) || lower.starts_with(&theirs);
        let (short, long) = (letters.min(theirs.chars().count()), letters.max(theirs.chars().count()));
        if part.is_none() && short >= 3 && 2 * short >= long && ends_differ {
            part = Some(name);
        }
    }
    best.map(|(_, name)| name).or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_ends() {
        let names = ["card", "amount", "city", "n", "request_id"];
        for (word, expect) in [
            ("crad", Some("card")),
            ("Card", Some("card")),
            ("amuont", Some("amount")),
            ("amount_eur", Some("amount")),
            ("reques", Some("request_id")),
            ("req", None),
            ("ctiy", Some("city")),
            ("nn", Some("n")),
            ("N", Some("n")),
            ("on", None),
            ("x", None),
            ("", None),
            ("frobnicate", None),
            ("größe", None),
        ] {
            assert_eq!(nearest(word, names), expect, "{word}");
        }
    }
}
