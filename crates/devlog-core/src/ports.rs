//! The doors through which the engine reaches disk, network, state and clock.

mod clock;
mod local;
mod remote;
mod state;

pub use clock::Clock;
pub use local::{
    FileStat, LocalContent, LocalError, LocalTree, Scan, ScanDepth, ScanNote, ScanNoteKind, StatRecord,
    StatRecords,
};
pub use remote::{
    Body, BodyError, Fetched, ObjectKey, Precondition, RemoteError, RemoteObject, RemoteStorage, ReservedKey,
};
pub use state::{
    Head, Intent, Known, QueuedRequest, RemoteId, RunRecord, StateChange, StateError, StateStore,
};
