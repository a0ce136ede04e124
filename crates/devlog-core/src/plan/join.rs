//! Walks the three sorted trees side by side, without building a fourth.

use std::iter::Peekable;

use super::decide::Row;
use crate::files::{BaseFile, BaseFiles, LocalFile, LocalFiles, RemoteFile, RemoteFiles};
use crate::path::RelPath;

type Walk<'a, T> = Peekable<std::collections::btree_map::Iter<'a, RelPath, T>>;

/// Every path that any of the trees knows, in order, with what each says of it.
pub(super) fn rows<'a>(
    local: &'a LocalFiles,
    base: &'a BaseFiles,
    remote: &'a RemoteFiles,
) -> impl Iterator<Item = (&'a RelPath, Row<'a>)> {
    let mut locals: Walk<'a, LocalFile> = local.files.iter().peekable();
    let mut bases: Walk<'a, BaseFile> = base.iter().peekable();
    let mut remotes: Walk<'a, RemoteFile> = remote.files.iter().peekable();
    std::iter::from_fn(move || {
        let heads = [head(&mut locals), head(&mut bases), head(&mut remotes)];
        let path = heads.into_iter().flatten().min()?;
        let row = Row {
            local: take(&mut locals, path),
            base: take(&mut bases, path),
            remote: take(&mut remotes, path),
        };
        Some((path, row))
    })
}

fn head<'a, T>(walk: &mut Walk<'a, T>) -> Option<&'a RelPath> {
    walk.peek().map(|(path, _)| *path)
}

fn take<'a, T>(walk: &mut Walk<'a, T>, path: &RelPath) -> Option<&'a T> {
    walk.next_if(|(next, _)| *next == path).map(|(_, file)| file)
}
