//! Patterns with `*`, `?` and `[...]` as Python's `fnmatch` and `pathlib` read them.

/// Whether `pattern` has anything to expand.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

/// The whole of `text` fits `pattern`; `*` also stands for `/` and `.`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    matches_chars(&pattern, &text)
}

/// Goes back to the last `*` on a mismatch, which is enough: an earlier one could not do better.
fn matches_chars(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        let step = match pattern.get(at) {
            Some('*') => {
                last_star = Some((at, in_text));
                at += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => match class(&pattern[at..], text[in_text]) {
                Some((length, true)) => Some(length),
                Some((_, false)) => None,
                None => (text[in_text] == '[').then_some(1),
            },
            Some(other) => (*other == text[in_text]).then_some(1),
            None => None,
        };
        match (step, last_star) {
            (Some(length), _) => {
                at += length;
                in_text += 1;
            }
            (None, Some((star, taken))) => {
                last_star = Some((star, taken + 1));
                (at, in_text) = (star + 1, taken + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// `[abc]`, `[a-z]`, `[!abc]` at the start of `pattern`: its length and whether `c` is in it; None if it never closes.
fn class(pattern: &[char], c: char) -> Option<(usize, bool)> {
    let negated = pattern.get(1) == Some(&'!');
    let first = if negated { 2 } else { 1 };
    // A `]` right at the start is a member, not the end.
    let end = (first + 1..pattern.len()).find(|at| pattern[*at] == ']')?;
    let mut members = &pattern[first..end];
    let mut found = false;
    while let Some(low) = members.first() {
        match members {
            [_, '-', high, ..] => {
                found |= (*low..=*high).contains(&c);
                members = &members[3..];
            }
            _ => {
                found |= *low == c;
                members = &members[1..];
            }
        }
    }
    Some((end + 1, found != negated))
}

/// A path fits: `*` stays within one folder, `**` stands for any number of folders.
pub(super) fn matches_path(pattern: &str, path: &str) -> bool {
    let parts = |text: &str| -> Vec<String> {
        text.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
    };
    matches_parts(&parts(pattern), &parts(path))
}

fn matches_parts(pattern: &[String], path: &[String]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "**" => (0..=path.len()).any(|skip| matches_parts(rest, &path[skip..])),
        Some((first, rest)) => {
            path.split_first().is_some_and(|(part, others)| matches(first, part) && matches_parts(rest, others))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnmatch() {
        for (pattern, text, expected) in [
            ("stg_*", "stg_orders", true),
            ("*", "", true),
            ("*_orders", "stg_orders", true),
            ("*a*b", "xaxbxab", true),
            ("s?g", "stg", true),
            ("s?g", "sttg", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]x", "]x", true),
            ("[x", "[x", true),
            ("a", "ab", false),
            ("a.*.c", "a.b.b.c", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn paths() {
        assert!(matches_path("models/*.sql", "models/a.sql"));
        assert!(!matches_path("models/*.sql", "models/x/a.sql"));
        assert!(matches_path("models/**/*.sql", "models/a.sql"));
        assert!(matches_path("**/a.sql", "models/x/y/a.sql"));
        assert!(matches_path("./models/marts/", "models/marts"));
    }
}
