//! How entries look: as text for people, as documents for programs.

mod entry;
mod json;

pub(crate) use entry::{ListView, formatted, history, title};
pub(crate) use json::{EntryDocument, ListDocument};
