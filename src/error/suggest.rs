//! What somebody probably meant who typed a name that is not there.

/// The known name most like `name`, if one is close enough to be meant: at most a third of its letters typed, left out, doubled or
/// swapped by mistake; upper and lower case are alike. The first of several that are equally close.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| !candidate.is_empty() && *candidate != name)
        // Names of very different length cannot be close; most are told apart by that.
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= mistakes_max(name, candidate))
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(mistakes, candidate)| *mistakes <= mistakes_max(name, candidate))
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `name`?`` for the nearest known name.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|meant| format!("did you mean `{meant}`?"))
}

fn mistakes_max(name: &str, candidate: &str) -> usize {
    (name.chars().count().max(candidate.chars().count()) / 3).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant() {
        let known = ["first", "last", "toString", "jsonParse"];
        assert_eq!(nearest("frist", known), Some("first"));
        assert_eq!(nearest("tostring", known), Some("toString"));
        assert_eq!(nearest("las", known), Some("last"));
        assert_eq!(nearest("something", known), None);
        assert_eq!(nearest("x", ["", "y"]), Some("y"), "one letter can be wrong in the shortest name");
        assert_eq!(nearest("first", ["first"]), None, "the name itself is no suggestion");
    }

    #[test]
    fn equally_near_names_go_by_their_order() {
        assert_eq!(did_you_mean("bat", ["cat", "rat"]).as_deref(), Some("did you mean `cat`?"));
    }
}
