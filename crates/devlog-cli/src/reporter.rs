//! Three ways to show one stream of events: console, JSON, quiet.

mod console;
mod json;
mod quiet;

pub(crate) use console::ConsoleReporter;
pub(crate) use json::JsonReporter;
pub(crate) use quiet::QuietReporter;
