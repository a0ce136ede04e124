//! Annotations in an entry's text: `@person`, `::project`, `+tag`.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The annotations of one text, as written, each once, in the order of their first use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    /// `@alice`, without the sign.
    pub people: Vec<String>,
    /// `::search`, without the sign.
    pub projects: Vec<String>,
    /// `+ci`, without the sign.
    pub tags: Vec<String>,
}

impl Annotations {
    /// Finds the annotations of a text.
    ///
    /// A sign counts only where a word begins, and only before a letter or `_`: mail addresses, URLs, paths of code, `C++` and `+1` are text.
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        for (start, _) in text.match_indices(['@', '+', ':']) {
            if !begins_word(&text[..start]) {
                continue;
            }
            let rest = &text[start..];
            let (names, rest) = if let Some(rest) = rest.strip_prefix("::") {
                (&mut found.projects, rest)
            } else if let Some(rest) = rest.strip_prefix('@') {
                (&mut found.people, rest)
            } else if let Some(rest) = rest.strip_prefix('+') {
                (&mut found.tags, rest)
            } else {
                continue;
            };
            let Some(name) = name(rest) else { continue };
            if !names.iter().any(|known| same(known, name)) {
                names.push(name.to_owned());
            }
        }
        found
    }
}

/// Whether two names mean the same: case and the composition of accents do not matter.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase().nfc().eq(b.to_lowercase().nfc())
}

fn begins_word(before: &str) -> bool {
    before.chars().next_back().is_none_or(|c| c.is_whitespace() || "([{<\"'«‹„“”‘’‚¡¿,;—–".contains(c))
}

/// The name that a sign introduces; `None` where it introduces none.
fn name(rest: &str) -> Option<&str> {
    if !rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let inner = |c: char| c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '_' | '-' | '.' | '/');
    let end = rest.find(|c| !inner(c)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    // `::std::io`, `@scope:x` and `+a+b` are code or something else; `@me@host` is an address.
    let goes_on = after.starts_with("::") || after.starts_with(['@', '+', '(', '=']);
    let name = name.trim_end_matches(['-', '.', '/']);
    (!goes_on && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, people: &[&str], projects: &[&str], tags: &[&str]) {
        let found = Annotations::of(text);
        assert_eq!(found.people, people, "people of {text}");
        assert_eq!(found.projects, projects, "projects of {text}");
        assert_eq!(found.tags, tags, "tags of {text}");
    }

    #[test]
    fn signs_at_the_beginning_of_a_word_annotate() {
        check("Fixed the flaky test with @alice on ::search +ci", &["alice"], &["search"], &["ci"]);
        check("(@bob), \"+x\" — ::api/v2.\n+last-one.", &["bob"], &["api/v2"], &["x", "last-one"]);
        check(
            "+Ärger mit @Łukasz und @山田 ::проект +हिन्दी",
            &["Łukasz", "山田"],
            &["проект"],
            &["Ärger", "हिन्दी"],
        );
        check("+ci +CI +ci and +e\u{301}te\u{301} +\u{e9}t\u{e9}", &[], &[], &["ci", "e\u{301}te\u{301}"]);
        check("@alice's idea, @bob: yes", &["alice", "bob"], &[], &[]);
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "mail alice@example.org or me@host",
            "https://example.org/@alice/a+b?x=+y and https://h/::z",
            "C++ and 1+1 and +1 from me, +15 %, a+tag",
            "std::io and ::std::io::Read and Foo::bar",
            "@ alone, + alone, :: alone, :: +",
            "@me@mastodon.social and `@decorator` @call(x) +a+b +k=v",
            ":tag and :::odd",
        ] {
            check(text, &[], &[], &[]);
        }
    }
}
