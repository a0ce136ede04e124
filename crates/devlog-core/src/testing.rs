//! In-memory ports, fault injection and the conformance suites that every port must pass.

pub mod fakes;
pub mod faults;
pub mod remote_suite;
pub mod state_suite;
