//! Ids as people write them: the shortest beginning that names one entry alone.

use ulid::Ulid;

/// The least number of characters that name an entry.
pub const MIN_PREFIX: usize = 6;

/// The length of a whole id.
const WHOLE: usize = 26;

/// The beginning of an id, as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPrefix(String);

/// A text that cannot name an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Fewer than [`MIN_PREFIX`] characters.
    #[error("`{0}` is too short for an id: at least {MIN_PREFIX} characters are needed")]
    TooShort(String),
    /// Longer than an id, or with characters that ids do not have.
    #[error("`{0}` is not an id")]
    NotAnId(String),
}

impl IdPrefix {
    /// Reads the beginning of an id; lower case is as good as upper case.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        // Crockford's alphabet leaves out I, L, O and U.
        let is_digit = |c: char| c.is_ascii_alphanumeric() && !"ILOU".contains(c);
        let upper = text.to_ascii_uppercase();
        if !upper.chars().all(is_digit) || upper.len() > WHOLE || upper.is_empty() {
            return Err(IdError::NotAnId(text.to_owned()));
        }
        if upper.len() < MIN_PREFIX {
            return Err(IdError::TooShort(text.to_owned()));
        }
        Ok(Self(upper))
    }

    /// Whether the id begins so.
    pub fn names(&self, id: Ulid) -> bool {
        let mut text = [0; WHOLE];
        id.array_to_str(&mut text).starts_with(&self.0)
    }
}

/// How much of each id must be shown, given all ids of the log.
#[derive(Debug, Default)]
pub struct ShortIds {
    /// Sorted, without duplicates.
    ids: Vec<Ulid>,
}

impl ShortIds {
    /// Takes in all ids of the log, in any order.
    pub fn new(mut ids: Vec<Ulid>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self { ids }
    }

    /// The shortest beginning that no other id of the log shares.
    pub fn short(&self, id: Ulid) -> String {
        // Ids sort as their texts do, so the nearest relatives are the neighbours.
        let at = self.ids.partition_point(|other| *other < id);
        let before = at.checked_sub(1).and_then(|before| self.ids.get(before));
        let after = self.ids.get(at..).and_then(|rest| rest.iter().find(|other| **other != id));
        let text = id.to_string();
        let shared =
            |other: &Ulid| other.to_string().bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        let longest = before.into_iter().chain(after).map(shared).max().unwrap_or(0);
        text.chars().take((longest + 1).max(MIN_PREFIX)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Ulid {
        Ulid::from_string(text).unwrap()
    }

    #[test]
    fn a_prefix_is_at_least_six_characters_of_an_id() {
        let whole = "01K4XCA7JQ0000000000000001";
        for text in ["01K4XC", "01k4xc", whole] {
            assert!(IdPrefix::parse(text).unwrap().names(id(whole)), "{text}");
        }
        assert!(!IdPrefix::parse("01K4XD").unwrap().names(id(whole)));
        assert_eq!(IdPrefix::parse("01K4X"), Err(IdError::TooShort("01K4X".into())));
        for text in ["", "01K4X!", "IIIIII", "01K4XCA7JQ00000000000000011", "01K4Xé"] {
            assert_eq!(IdPrefix::parse(text), Err(IdError::NotAnId(text.into())));
        }
    }

    #[test]
    fn the_shortest_unique_beginning_is_shown() {
        let (a, b, c) = (
            id("01K4XCA7JQ0000000000000001"),
            id("01K4XCA7JR0000000000000001"),
            id("01K5XCA7JQ0000000000000001"),
        );
        let ids = ShortIds::new(vec![c, a, b, a]);
        assert_eq!(ids.short(a), "01K4XCA7JQ");
        assert_eq!(ids.short(b), "01K4XCA7JR");
        assert_eq!(ids.short(c), "01K5XC");
        assert_eq!(ShortIds::default().short(a), "01K4XC");
        // An id that is not among them, such as one that was just made, is told from all the others.
        assert_eq!(ids.short(id("01K4XCA7JQ0000000000000002")), "01K4XCA7JQ0000000000000002");
    }
}
