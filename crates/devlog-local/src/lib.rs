//! devlog-local.
