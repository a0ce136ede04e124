//! One file a command: an args struct, whose doc comments are the help, and one `run`.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod docs;
pub(crate) mod init;
pub(crate) mod push;
pub(crate) mod remote;
pub(crate) mod status;
