//! The folder itself, with blocking calls: staging, publishing, listing, the lock.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use devlog_core::files::Version;
use devlog_core::path::RESERVED_DIR;
use devlog_core::ports::{ObjectKey, Precondition, RemoteError, RemoteObject};
use rustix::fs::OFlags;
use rustix::io::Errno;
use tempfile::NamedTempFile;

/// The lock's name among the staged files.
const LOCK: &str = "lock";

/// A staged file as old as this belongs to a run that died.
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How often a folder is made again that another device has just found empty and removed.
const TRIES: usize = 10;

/// The folder that holds a remote.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    /// Whether what earlier runs left behind was looked for.
    swept: AtomicBool,
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
        Self { root, swept: AtomicBool::new(false) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn tmp(&self) -> PathBuf {
        self.root.join(RESERVED_DIR).join("tmp")
    }

    /// Where an object lies. A symbolic link among the folders above it may lead anywhere, so it is refused.
    fn place(&self, key: &str) -> Result<PathBuf, RemoteError> {
        let mut place = self.root.clone();
        let mut names = key.split('/').peekable();
        while let Some(name) = names.next() {
            place.push(name);
            if names.peek().is_some() && place.is_symlink() {
                return Err(is_a_link(&place));
            }
        }
        Ok(place)
    }

    pub(super) fn open(&self, key: &ObjectKey) -> Result<Opened, RemoteError> {
        open_at(&self.place(key.as_str())?, key.as_str().to_owned())
    }

    /// A new file beside the others, on the same file system, invisible to listings.
    pub(super) fn stage(&self) -> Result<NamedTempFile, RemoteError> {
        let tmp = self.tmp();
        if !self.swept.swap(true, Ordering::Relaxed) {
            // Sees to it, once, that nothing here is a link.
            self.place(&format!("{RESERVED_DIR}/tmp/x"))?;
            sweep(&tmp);
        }
        in_folder(&tmp, || NamedTempFile::new_in(&tmp)).map_err(|error| self.unwritable(error))
    }

    /// Gives a staged file its name, if `when` holds.
    pub(super) fn publish(
        &self,
        key: &ObjectKey,
        staged: NamedTempFile,
        when: &Precondition,
    ) -> Result<Version, RemoteError> {
        // Two states of an object never share a version: the system's own file times are too coarse for that where a file is
        // deleted and made again, and gets the same inode.
        staged.as_file().set_modified(SystemTime::now()).map_err(failed)?;
        staged.as_file().sync_all().map_err(failed)?;
        let place = self.place(key.as_str())?;
        let file = match when {
            Precondition::Absent => self.create(&place, staged)?,
            Precondition::Matches(expected) => {
                let _lock = self.lock()?;
                self.require(key, expected).map_err(|error| match error {
                    RemoteError::NotFound => RemoteError::PreconditionFailed,
                    other => other,
                })?;
                staged.persist(&place).map_err(|error| failed(error.error))?
            }
        };
        sync_parent(&place).map_err(failed)?;
        // Of the file itself, not of its name: somebody else may have replaced it already.
        Ok(version(&file.metadata().map_err(failed)?))
    }

    /// Names a staged file in one step that fails if the name is taken, whoever is faster.
    fn create(&self, place: &Path, staged: NamedTempFile) -> Result<File, RemoteError> {
        let mut staged = Some(staged);
        let created = in_folder(place.parent().unwrap_or(&self.root), || {
            let file = staged.take().ok_or(io::ErrorKind::NotFound)?;
            file.persist_noclobber(place).map_err(|error| {
                staged = Some(error.file);
                error.error
            })
        });
        match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::symlink_metadata(place) {
                Ok(there) if there.is_dir() => match (fs::remove_dir(place), staged.take()) {
                    // It was empty: no object lies below it.
                    (Ok(()), Some(staged)) => self.create(place, staged),
                    _ => Err(RemoteError::Unusable(format!("{} is a folder", place.display()))),
                },
                Ok(there) if !there.is_file() => {
                    Err(RemoteError::Unusable(format!("{} is not a file", place.display())))
                }
                _ => Err(RemoteError::PreconditionFailed),
            },
            created => created.map_err(|error| self.unwritable(error)),
        }
    }

    /// What an error means to somebody who wants to make a file.
    fn unwritable(&self, error: io::Error) -> RemoteError {
        match error.kind() {
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => RemoteError::Unusable(format!(
                "a file stands where a folder is needed, in {}",
                self.root.display()
            )),
            io::ErrorKind::NotFound => {
                RemoteError::Unusable(format!("{} cannot be created", self.root.display()))
            }
            _ => failed(error),
        }
    }

    pub(super) fn copy(&self, from: &ObjectKey, expect: &Version, to: &ObjectKey) -> Result<(), RemoteError> {
        let mut source = self.require(from, expect)?;
        let mut staged = self.stage()?;
        io::copy(&mut source.file, &mut staged).map_err(failed)?;
        source.check_unchanged()?;
        staged.as_file().sync_all().map_err(failed)?;
        let place = self.place(to.as_str())?;
        let mut staged = Some(staged);
        in_folder(place.parent().unwrap_or(&self.root), || {
            let file = staged.take().ok_or(io::ErrorKind::NotFound)?;
            file.persist(&place).map_err(|error| {
                staged = Some(error.file);
                error.error
            })
        })
        .map_err(|error| self.unwritable(error))?;
        sync_parent(&place).map_err(failed)
    }

    pub(super) fn delete(&self, key: &ObjectKey, when: &Version) -> Result<(), RemoteError> {
        let _lock = self.lock()?;
        self.require(key, when)?;
        let place = self.place(key.as_str())?;
        fs::remove_file(&place).map_err(failed)?;
        sync_parent(&place).map_err(failed)?;
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
        let file = in_folder(&tmp, || File::options().create(true).append(true).open(tmp.join(LOCK)))
            .map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }

    /// Every object whose key begins with `prefix`. A folder that cannot be read is an error, never empty.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<RemoteObject>, RemoteError> {
        let top = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut objects = Vec::new();
        if self.root.is_file() {
            return Err(RemoteError::Unusable(format!("{} is a file", self.root.display())));
        }
        let mut folders = vec![(self.place(&format!("{top}/"))?, top.to_owned())];
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
    let file = File::options()
        .read(true)
        .custom_flags(flags)
        .open(place)
        .map_err(|error| if is(&error, &[Errno::LOOP]) { is_a_link(place) } else { failed(error) })?;
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

/// Does something in a folder, and makes the folder where it is missing: nobody made it yet, or another device has just
/// found it empty and removed it.
fn in_folder<T>(folder: &Path, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..TRIES {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_folder(folder)?,
            done => return done,
        }
    }
    work()
}

/// Makes a folder and those above it, and makes sure that they outlast a power cut.
fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => sync_parent(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match folder.parent() {
            Some(parent) if !parent.exists() => {
                make_folder(parent)?;
                make_folder(folder)
            }
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// A name is durable only when its folder is.
fn sync_parent(place: &Path) -> io::Result<()> {
    match place.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Removes what runs that died have left. Best effort: whoever cannot remove it cannot do harm by it either.
fn sweep(tmp: &Path) {
    let now = SystemTime::now();
    for entry in fs::read_dir(tmp).into_iter().flatten().flatten() {
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let is_stale =
            written.is_ok_and(|written| now.duration_since(written).is_ok_and(|age| age > STALE_AFTER));
        if is_stale && entry.file_name() != LOCK {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_a_link(place: &Path) -> RemoteError {
    RemoteError::Unusable(format!("{} is a symbolic link", place.display()))
}

/// How a network share or a disk says that it is gone.
const AWAY: [Errno; 10] = [
    Errno::CONNREFUSED,
    Errno::HOSTDOWN,
    Errno::HOSTUNREACH,
    Errno::IO,
    Errno::NETUNREACH,
    Errno::NODEV,
    Errno::NOTCONN,
    Errno::NXIO,
    Errno::STALE,
    Errno::TIMEDOUT,
];

fn is(error: &io::Error, any: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|number| any.iter().any(|errno| errno.raw_os_error() == number))
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
        _ if is(&error, &AWAY) => RemoteError::Offline(error.into()),
        _ => RemoteError::Other { message: "the remote's folder failed".into(), source: Some(error.into()) },
    }
}
