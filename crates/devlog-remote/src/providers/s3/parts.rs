//! Cuts a stream into the parts of an upload, and bounds the memory that all parts of all uploads take.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use devlog_core::ports::BodyError;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, TryStreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// In which memory is counted.
const UNIT_BYTES: u64 = 1 << 20;

/// The memory for content on its way, shared by all uploads of a remote.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    units: u32,
    free: Arc<Semaphore>,
}

/// A share of the [`Memory`], given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Memory {
    pub(super) fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).max(1);
        Self { units, free: Arc::new(Semaphore::new(units as usize)) }
    }

    /// Waits for room for so many bytes. More than there is at all is the same as all.
    pub(super) async fn reserve(&self, bytes: u64) -> Share {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units);
        // Fails only if the semaphore is closed, and nobody closes it.
        Share { _permit: Arc::clone(&self.free).acquire_many_owned(units).await.ok() }
    }
}

struct Cut {
    pieces: BoxStream<'static, Result<Bytes, BodyError>>,
    /// What the last part left of a piece.
    rest: Bytes,
    left: u64,
}

/// Parts of `size` bytes; the last may be shorter. The stream must carry exactly `len` bytes, and end without an error.
pub(super) fn in_parts(
    pieces: BoxStream<'static, Result<Bytes, BodyError>>,
    len: u64,
    size: u64,
    memory: Memory,
) -> impl Stream<Item = Result<(Bytes, Share), BodyError>> {
    stream::try_unfold(Cut { pieces, rest: Bytes::new(), left: len }, move |mut cut| {
        let memory = memory.clone();
        async move {
            if cut.left == 0 {
                return Ok(None);
            }
            let share = memory.reserve(size).await;
            let part = cut.next_part(size).await?;
            Ok(Some(((part, share), cut)))
        }
    })
}

impl Cut {
    async fn next_part(&mut self, size: u64) -> Result<Bytes, BodyError> {
        let size = usize::try_from(size.min(self.left)).unwrap_or(usize::MAX);
        let mut part = BytesMut::with_capacity(size);
        while part.len() < size {
            if self.rest.is_empty() {
                self.rest = self.pieces.try_next().await?.ok_or(BodyError::Truncated)?;
            }
            let take = self.rest.len().min(size - part.len());
            part.extend_from_slice(&self.rest.split_to(take));
        }
        self.left -= size as u64;
        if self.left == 0 {
            // The end is only reached when the whole file was read and found unchanged.
            let mut more = !self.rest.is_empty();
            while let Some(piece) = self.pieces.try_next().await? {
                more |= !piece.is_empty();
            }
            if more {
                return Err(BodyError::Changed);
            }
        }
        Ok(part.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    async fn cut(pieces: Vec<Result<Bytes, BodyError>>, len: u64) -> Vec<Result<usize, BodyError>> {
        let parts = in_parts(stream::iter(pieces).boxed(), len, 4, Memory::new(1));
        parts.map(|part| part.map(|(part, _)| part.len())).collect().await
    }

    fn pieces(sizes: &[usize]) -> Vec<Result<Bytes, BodyError>> {
        sizes.iter().map(|size| Ok(Bytes::from(vec![7; *size]))).collect()
    }

    #[tokio::test]
    async fn parts_are_full_but_the_last() {
        for sizes in [vec![3, 3, 3], vec![9], vec![1, 8], vec![4, 4, 1], vec![0, 9, 0]] {
            let parts: Result<Vec<_>, _> = cut(pieces(&sizes), 9).await.into_iter().collect();
            assert_eq!(parts.unwrap(), [4, 4, 1], "{sizes:?}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_is_not_as_announced_ends_in_an_error() {
        let mut failing = pieces(&[4]);
        failing.push(Err(BodyError::Changed));
        assert!(matches!(cut(failing, 4).await.as_slice(), [Err(BodyError::Changed)]));
        assert!(matches!(cut(pieces(&[5]), 6).await.as_slice(), [Ok(4), Err(BodyError::Truncated)]));
        assert!(matches!(cut(pieces(&[5, 1]), 5).await.as_slice(), [Ok(4), Err(BodyError::Changed)]));
    }

    #[tokio::test]
    async fn parts_wait_for_memory() {
        let memory = Memory::new(2 << 20);
        let first = memory.reserve(1 << 20).await;
        let second = memory.reserve(1 << 20).await;
        let late = memory.reserve(10 << 30);
        tokio::pin!(late);
        assert!(futures_util::poll!(&mut late).is_pending());
        drop((first, second));
        assert!(futures_util::poll!(&mut late).is_ready());
    }
}
