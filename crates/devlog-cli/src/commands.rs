//! One file a command: an args struct, whose doc comments are the help, and one `run`.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod delete;
pub(crate) mod docs;
pub(crate) mod edit;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod new;
pub(crate) mod push;
pub(crate) mod remote;
pub(crate) mod restore;
pub(crate) mod show;
pub(crate) mod status;
