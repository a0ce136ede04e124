//! The folder itself, with blocking calls: staging, publishing, listing, the lock.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use devlog_core::files::Version;
use devlog_core::path::RESERVED_DIR;
use devlog_core::ports::{ObjectKey, Precondition, RemoteError, RemoteObject};
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

/// How often a folder is made again that another device has just found empty and removed.
const TRIES: usize = 10;

/// The folder that holds a remote.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
}

/// An object that is open for reading.
pub(super) struct Opened {
    pub(super) object: RemoteObject,
    pub(super) file: File,
}

impl Opened {
    /// Fails where the file was written to since it was opened.
    pub(super) fn check_unchanged(&self) -> Result<(), RemoteError> {
        // A link to an open file may come and go without changing its content, so the version itself is no measure here.
        let now = self.file.metadata().map_err(failed)?;
        let seen = content_stamp(&now)
            == self.object.version.as_str().rsplit_once('-').map_or("", |(stamp, _)| stamp);
        if seen { Ok(()) } else { Err(RemoteError::PreconditionFailed) }
    }
}

impl Disk {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn tmp(&self) -> PathBuf {
        self.root.join(RESERVED_DIR).join("tmp")
    }

    /// Where an object lies. A symbolic link among the folders above it may lead anywhere, so it is refused.
    fn place(&self, key: &ObjectKey) -> Result<PathBuf, RemoteError> {
        let mut place = self.root.clone();
        let mut names = key.as_str().split('/').peekable();
        while let Some(name) = names.next() {
            place.push(name);
            if names.peek().is_some() && place.is_symlink() {
                return Err(RemoteError::Unusable(format!("{} is a symbolic link", place.display())));
            }
        }
        Ok(place)
    }

    pub(super) fn open(&self, key: &ObjectKey) -> Result<Opened, RemoteError> {
        open_at(&self.place(key)?, key.as_str().to_owned())
    }

    /// A new file beside the others, on the same file system, invisible to listings.
    pub(super) fn stage(&self) -> Result<NamedTempFile, RemoteError> {
        let tmp = self.tmp();
        fs::create_dir_all(&tmp).map_err(failed)?;
        NamedTempFile::new_in(&tmp).map_err(failed)
    }

    /// Gives a staged file its name, if `when` holds.
    pub(super) fn publish(
        &self,
        key: &ObjectKey,
        staged: NamedTempFile,
        when: &Precondition,
    ) -> Result<Version, RemoteError> {
        staged.as_file().sync_all().map_err(failed)?;
        let place = self.place(key)?;
        match when {
            Precondition::Absent => create(&place, staged)?,
            Precondition::Matches(expected) => {
                let _lock = self.lock()?;
                self.require(key, expected).map_err(|error| match error {
                    RemoteError::NotFound => RemoteError::PreconditionFailed,
                    other => other,
                })?;
                staged.persist(&place).map_err(|error| failed(error.error))?;
            }
        }
        sync_folder(&place)?;
        Ok(self.open(key)?.object.version)
    }

    pub(super) fn copy(&self, from: &ObjectKey, expect: &Version, to: &ObjectKey) -> Result<(), RemoteError> {
        let mut source = self.require(from, expect)?;
        let mut staged = self.stage()?;
        io::copy(&mut source.file, &mut staged).map_err(failed)?;
        source.check_unchanged()?;
        staged.as_file().sync_all().map_err(failed)?;
        let place = self.place(to)?;
        for _ in 0..TRIES {
            make_parent(&place)?;
            match staged.persist(&place) {
                Ok(_) => return sync_folder(&place),
                Err(error) if error.error.kind() == io::ErrorKind::NotFound => staged = error.file,
                Err(error) => return Err(failed(error.error)),
            }
        }
        Err(RemoteError::NotFound)
    }

    pub(super) fn delete(&self, key: &ObjectKey, when: &Version) -> Result<(), RemoteError> {
        let _lock = self.lock()?;
        self.require(key, when)?;
        let place = self.place(key)?;
        fs::remove_file(&place).map_err(failed)?;
        sync_folder(&place)?;
        // A folder that held nothing else goes too, so that a file may take its name.
        for folder in place.ancestors().skip(1).take_while(|folder| *folder != self.root) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn require(&self, key: &ObjectKey, expected: &Version) -> Result<Opened, RemoteError> {
        let opened = self.open(key)?;
        if opened.object.version == *expected { Ok(opened) } else { Err(RemoteError::PreconditionFailed) }
    }

    /// One writer at a time may replace or delete. The system frees the lock when its holder dies.
    fn lock(&self) -> Result<File, RemoteError> {
        let tmp = self.tmp();
        fs::create_dir_all(&tmp).map_err(failed)?;
        let file = File::options().create(true).append(true).open(tmp.join("lock")).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }

    /// Every object whose key begins with `prefix`. A folder that cannot be read is an error, never empty.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<RemoteObject>, RemoteError> {
        let top = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut objects = Vec::new();
        let mut folders = vec![(self.root.join(top), top.to_owned())];
        while let Some((folder, name)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                let file_name = entry.file_name();
                let shown = OsStr::to_string_lossy(&file_name);
                let key = if name.is_empty() { shown.into_owned() } else { format!("{name}/{shown}") };
                let kind = entry.file_type().map_err(failed)?;
                if kind.is_dir() {
                    if entry.path() != self.tmp() {
                        folders.push((entry.path(), key));
                    }
                } else if kind.is_file() && key.starts_with(prefix) {
                    match entry.metadata() {
                        Ok(metadata) => objects.push(object(key, &metadata)),
                        // Deleted since the folder was read.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => return Err(failed(error)),
                    }
                }
            }
        }
        Ok(objects)
    }
}

fn open_at(place: &Path, key: String) -> Result<Opened, RemoteError> {
    // Neither follows a link nor waits for the other end of a pipe.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(flags).open(place).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(RemoteError::NotFound);
    }
    Ok(Opened { object: object(key, &metadata), file })
}

fn object(key: String, metadata: &Metadata) -> RemoteObject {
    let modified =
        DateTime::<Utc>::from_timestamp(metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap_or(0));
    RemoteObject {
        key,
        size: metadata.len(),
        version: version(metadata),
        modified: modified.unwrap_or_default(),
    }
}

/// Which file it is, and when it was last written.
fn content_stamp(metadata: &Metadata) -> String {
    format!("{:x}-{:x}-{:x}.{:x}", metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

/// The stamp, and the change time, which no tool can put back.
fn version(metadata: &Metadata) -> Version {
    Version::new(format!("{}-{:x}.{:x}", content_stamp(metadata), metadata.ctime(), metadata.ctime_nsec()))
}

/// Creates `place` from a staged file by hard link, which fails if the name is taken, whoever is faster.
fn create(place: &Path, mut staged: NamedTempFile) -> Result<(), RemoteError> {
    for _ in 0..TRIES {
        make_parent(place)?;
        match staged.persist_noclobber(place) {
            Ok(_) => return Ok(()),
            Err(error) => match error.error.kind() {
                io::ErrorKind::NotFound => staged = error.file,
                io::ErrorKind::AlreadyExists => return Err(RemoteError::PreconditionFailed),
                _ => return Err(failed(error.error)),
            },
        }
    }
    Err(RemoteError::NotFound)
}

fn make_parent(place: &Path) -> Result<(), RemoteError> {
    place.parent().map_or(Ok(()), |parent| fs::create_dir_all(parent).map_err(failed))
}

/// A name is durable only when its folder is.
fn sync_folder(place: &Path) -> Result<(), RemoteError> {
    match place.parent().map(File::open) {
        Some(Ok(folder)) => folder.sync_all().map_err(failed),
        Some(Err(error)) => Err(failed(error)),
        None => Ok(()),
    }
}

/// What a disk error means to the caller.
pub(super) fn failed(error: io::Error) -> RemoteError {
    match error.kind() {
        // Below a file there is nothing; a folder is no object.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            RemoteError::NotFound
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            RemoteError::Denied(error.to_string())
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            RemoteError::Unusable("no space is left in the remote's folder".into())
        }
        _ => RemoteError::Other { message: "the remote's folder failed".into(), source: Some(error.into()) },
    }
}
