//! devlog-remote.
