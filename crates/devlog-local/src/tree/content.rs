//! Reads a file so that what comes out is a state that it really had, whoever writes to it meanwhile.

use std::fs::File;
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use devlog_core::ports::{Body, BodyError, FileStat, LocalContent, LocalError};
use futures_util::stream::{self, BoxStream, StreamExt};
use tempfile::TempDir;
use tokio::sync::mpsc;
use xxhash_rust::xxh3::Xxh3;

use crate::root::{Access, Root};
use crate::{sqlite_snapshot, stat};

/// How much of a large file is in memory at once: one piece being filled, one waiting, one being sent.
const PIECE: u64 = 1024 * 1024;
const WAITING_PIECES: usize = 1;

/// How often a small file that is edited in place is tried again.
const ATTEMPTS: usize = 4;

/// Opens `name` (as the disk has it) and reads it, or begins to.
pub(super) fn read(
    root: &Root,
    name: &Path,
    access: Access,
    inline_limit: u64,
) -> Result<LocalContent, LocalError> {
    for _ in 0..ATTEMPTS {
        let file = root.open_file(name)?;
        if sqlite_snapshot::is_database(&file)? {
            drop(file);
            return snapshot(root, name, access, inline_limit);
        }
        let before = stat::of(&file.metadata()?);
        if before.size > inline_limit {
            return Ok(LocalContent { mtime: before.mtime, body: streamed(file, before, None) });
        }
        if let Some(bytes) = read_steady(&file, &before)? {
            return Ok(LocalContent { mtime: before.mtime, body: bytes.into() });
        }
    }
    Err(LocalError::Changed)
}

fn snapshot(root: &Root, name: &Path, access: Access, inline_limit: u64) -> Result<LocalContent, LocalError> {
    let copy = sqlite_snapshot::take(root, name, access)?;
    let mtime = copy.mtime;
    let stat = stat::of(&copy.file.metadata()?);
    let body = if stat.size > inline_limit {
        streamed(copy.file, stat, Some(copy.staging))
    } else {
        read_steady(&copy.file, &stat)?.ok_or(LocalError::Changed)?.into()
    };
    Ok(LocalContent { mtime, body })
}

/// The first `before.size` bytes, or `None` where they were edited while they were read.
fn read_steady(file: &File, before: &FileStat) -> Result<Option<Bytes>, LocalError> {
    let mut bytes = vec![0; usize::try_from(before.size).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => LocalError::Truncated,
        _ => error.into(),
    })?;
    match verdict(file, before, checksum(&bytes))? {
        Verdict::Steady => Ok(Some(bytes.into())),
        Verdict::Edited => Ok(None),
        Verdict::Shorter => Err(LocalError::Truncated),
    }
}

enum Verdict {
    /// What was read is a state that the file had: it did not change, or only grew behind what was read.
    Steady,
    Edited,
    Shorter,
}

/// Looks at a file again after `before.size` bytes of it, of that checksum, were read.
fn verdict(file: &File, before: &FileStat, sum: u64) -> io::Result<Verdict> {
    let after = stat::of(&file.metadata()?);
    if after == *before {
        return Ok(Verdict::Steady);
    }
    if after.size < before.size {
        return Ok(Verdict::Shorter);
    }
    // Appended to, touched or replaced: the bytes decide. Twice the same, with a change between, is no torn read.
    let mut digest = Xxh3::new();
    let mut piece = vec![0; usize::try_from(PIECE.min(before.size)).unwrap_or(0)];
    let mut at = 0;
    while at < before.size {
        let length = piece.len().min(usize::try_from(before.size - at).unwrap_or(usize::MAX));
        match file.read_at(&mut piece[..length], at)? {
            0 => return Ok(Verdict::Shorter),
            read => {
                digest.write(&piece[..read]);
                at += read as u64;
            }
        }
    }
    Ok(if digest.finish() == sum { Verdict::Steady } else { Verdict::Edited })
}

fn checksum(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// The file in pieces, read ahead of the network by a thread of the blocking pool.
fn streamed(file: File, before: FileStat, keep: Option<TempDir>) -> Body {
    let (send, receive) = mpsc::channel(WAITING_PIECES);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = pump(&file, &before, &send) {
            // Nobody listens any more where this fails.
            send.blocking_send(Err(error)).ok();
        }
        drop(keep);
    });
    Body::Stream { len: before.size, stream: complete(receive, before.size) }
}

/// Sends every piece; the last one only after the file was found to be what it was when reading began.
///
/// Held back, because a provider may stop listening once it has counted `len` bytes.
fn pump(file: &File, before: &FileStat, send: &mpsc::Sender<Piece>) -> Result<(), BodyError> {
    let mut digest = Xxh3::new();
    let mut at = 0;
    loop {
        let mut piece = vec![0; usize::try_from(PIECE.min(before.size - at)).unwrap_or(0)];
        file.read_exact_at(&mut piece, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BodyError::Truncated,
            _ => BodyError::Read(error),
        })?;
        digest.write(&piece);
        at += piece.len() as u64;
        let is_last = at == before.size;
        if is_last {
            match verdict(file, before, digest.finish())? {
                Verdict::Steady => {}
                Verdict::Edited => return Err(BodyError::Changed),
                Verdict::Shorter => return Err(BodyError::Truncated),
            }
        }
        if send.blocking_send(Ok(piece.into())).is_err() || is_last {
            return Ok(());
        }
    }
}

type Piece = Result<Bytes, BodyError>;

/// Ends without an error only after `len` bytes, whatever became of the reading thread.
fn complete(receive: mpsc::Receiver<Piece>, len: u64) -> BoxStream<'static, Piece> {
    stream::unfold(Some((receive, len)), |state| async move {
        let (mut receive, left) = state?;
        match receive.recv().await {
            Some(Ok(piece)) => {
                let left = left.saturating_sub(piece.len() as u64);
                Some((Ok(piece), Some((receive, left))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None if left > 0 => {
                Some((Err(BodyError::Read(io::Error::other("reading the file was broken off"))), None))
            }
            None => None,
        }
    })
    .boxed()
}
