//! `Root`: the log's folder, devlog's own folder inside it, and the safe way to a file below it.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use devlog_core::path::RESERVED_DIR;
use devlog_core::ports::{Clock, LocalError};
use rustix::fs::{CWD, Mode, OFlags, openat};
use tempfile::TempDir;

/// Staged snapshots are made in folders of this prefix, so that a crashed run's can be told and removed.
const STAGING_PREFIX: &str = "snapshot-";

/// Whether a run may write below the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// An ordinary run.
    ReadWrite,
    /// A dry run: nothing below the root is created or changed.
    ReadOnly,
}

/// The folder that holds a log.
#[derive(Debug, Clone)]
pub struct Root {
    named: String,
    path: PathBuf,
}

impl Root {
    /// The root at `path`, which need not exist yet. Links above it are resolved once, here.
    pub fn at(path: &Path) -> io::Result<Self> {
        let absolute = std::path::absolute(path)?;
        let resolved = match absolute.canonicalize() {
            Ok(resolved) => resolved,
            Err(error) if error.kind() == io::ErrorKind::NotFound => absolute,
            Err(error) => return Err(error),
        };
        Ok(Self { named: path.display().to_string(), path: resolved })
    }

    /// As the person named it.
    pub fn named(&self) -> &str {
        &self.named
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the folder, for its owner alone, where it does not exist.
    pub fn create(&self) -> io::Result<()> {
        private_folder(&self.path)
    }

    /// Fails with [`LocalError::NoRoot`] unless the folder is there.
    pub fn require(&self) -> Result<(), LocalError> {
        match self.path.metadata() {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(LocalError::NoRoot(self.named.clone())),
            Err(error) if is_absence(&error) => Err(LocalError::NoRoot(self.named.clone())),
            Err(error) => Err(error.into()),
        }
    }

    /// `.devlog/`, whether or not it exists.
    pub fn state_dir(&self) -> PathBuf {
        self.path.join(RESERVED_DIR)
    }

    /// `.devlog/`, created for its owner alone where it does not exist. The root itself is not created.
    pub fn ensure_state_dir(&self) -> Result<PathBuf, LocalError> {
        self.require()?;
        let folder = self.state_dir();
        private_folder(&folder)?;
        Ok(folder)
    }

    /// The state database.
    pub fn state_db(&self) -> PathBuf {
        self.state_dir().join("state.db")
    }

    /// The file whose lock keeps other runs out.
    pub fn lock_file(&self) -> PathBuf {
        self.state_dir().join("lock")
    }

    /// Files on their way.
    pub fn tmp_dir(&self) -> PathBuf {
        self.state_dir().join("tmp")
    }

    /// Local versions that lost.
    pub fn trash_dir(&self) -> PathBuf {
        self.state_dir().join("trash")
    }

    /// An empty private folder for staging: in `.devlog/tmp`, or outside the root where that must not be touched.
    pub fn staging(&self, access: Access) -> Result<TempDir, LocalError> {
        let parent = match access {
            Access::ReadWrite => {
                self.ensure_state_dir()?;
                let folder = self.tmp_dir();
                private_folder(&folder)?;
                folder
            }
            Access::ReadOnly => std::env::temp_dir().canonicalize()?,
        };
        tempfile::Builder::new().prefix(STAGING_PREFIX).tempdir_in(parent).map_err(local_error)
    }

    /// Removes what a run that died left in `.devlog/tmp`. Only for the holder of the lock.
    pub fn clear_staging(&self) -> io::Result<()> {
        let entries = match self.tmp_dir().read_dir() {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX) && entry.file_type()?.is_dir()
            {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// Opens the regular file at `relative` (as the disk names it) for reading.
    ///
    /// No link is followed below the root and nothing but a regular file is opened, so neither an outside file nor
    /// a pipe that never answers can be read. What is not such a file any more is [`LocalError::Vanished`].
    pub fn open_file(&self, relative: &Path) -> Result<File, LocalError> {
        let (folder, name) = self.open_parent(relative)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file =
            File::from(openat(&folder, name, flags, Mode::empty()).map_err(|e| local_error(e.into()))?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(LocalError::Vanished) }
    }

    fn open_parent<'p>(&self, relative: &'p Path) -> Result<(OwnedFd, &'p OsStr), LocalError> {
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut names = relative.components();
        let Some(Component::Normal(last)) = names.next_back() else {
            return Err(outside(relative));
        };
        let mut parent =
            openat(CWD, &self.path, folder, Mode::empty()).map_err(io::Error::from).map_err(|error| {
                if is_absence(&error) { LocalError::NoRoot(self.named.clone()) } else { error.into() }
            })?;
        for name in names {
            let Component::Normal(name) = name else {
                return Err(outside(relative));
            };
            parent = openat(&parent, name, folder | OFlags::NOFOLLOW, Mode::empty())
                .map_err(|e| local_error(e.into()))?;
        }
        Ok((parent, last))
    }

    /// This device's name: what `.devlog/device` says, else `host` with four random hex digits, kept there.
    ///
    /// Two hosts may share a name, so the host's name alone would not tell devices apart. A dry run keeps nothing.
    pub fn device_name(&self, host: &str, clock: &dyn Clock, access: Access) -> Result<String, LocalError> {
        let file = self.state_dir().join("device");
        if let Some(name) = read_name(&file)? {
            return Ok(name);
        }
        let dice = clock.entropy() & 0xffff;
        let name = format!("{}-{dice:04x}", plain_host(host));
        if access == Access::ReadOnly {
            return Ok(name);
        }
        let mut draft = tempfile::NamedTempFile::new_in(self.ensure_state_dir()?)?;
        writeln!(draft, "{name}")?;
        draft.as_file().sync_all()?;
        match draft.persist_noclobber(&file) {
            Ok(_) => Ok(name),
            // Another process was faster: one name for one device.
            Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(read_name(&file)?.unwrap_or(name))
            }
            Err(lost) => Err(local_error(lost.error)),
        }
    }
}

fn read_name(file: &Path) -> io::Result<Option<String>> {
    let mut text = String::new();
    match File::open(file).and_then(|file| file.take(256).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text.trim().to_owned()).filter(|name| !name.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first label of a host name, in letters, digits and dashes.
fn plain_host(host: &str) -> String {
    let label = host.split('.').next().unwrap_or_default();
    let plain: String = label
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(32)
        .collect();
    match plain.trim_matches('-') {
        "" => "device".to_owned(),
        name => name.to_owned(),
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A missing name, or a folder on the way that is none (any more): nothing is there.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Sorts an error of a path below the root by the caller's next move.
pub(crate) fn local_error(error: io::Error) -> LocalError {
    let became_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    match error.kind() {
        _ if is_absence(&error) || became_link => LocalError::Vanished,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LocalError::Full,
        _ => LocalError::Io(error),
    }
}

fn outside(relative: &Path) -> LocalError {
    let text = format!("`{}` does not stay below the root", relative.display());
    LocalError::Io(io::Error::new(io::ErrorKind::InvalidInput, text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use chrono::{DateTime, Utc};

    use super::*;

    #[derive(Debug)]
    struct Fixed(u128);

    impl Clock for Fixed {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }
        fn entropy(&self) -> u128 {
            self.0
        }
    }

    fn root() -> (TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn a_file_is_opened_only_below_the_root() {
        let (folder, root) = root();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/x"), "x").unwrap();
        symlink(outside.path(), folder.path().join("link")).unwrap();
        symlink(outside.path().join("secret"), folder.path().join("a/direct")).unwrap();
        rustix::fs::mknodat(CWD, folder.path().join("pipe"), rustix::fs::FileType::Fifo, Mode::RWXU, 0)
            .unwrap();

        assert!(root.open_file(Path::new("a/x")).is_ok());
        for gone in ["link/secret", "a/direct", "a", "a/x/y", "no/x", "no", "pipe"] {
            let error = root.open_file(Path::new(gone)).unwrap_err();
            assert!(matches!(error, LocalError::Vanished), "{gone}: {error}");
        }
        for hostile in ["../secret", "a/../../secret", "/etc/passwd", ""] {
            let error = root.open_file(Path::new(hostile)).unwrap_err();
            assert!(matches!(error, LocalError::Io(_)), "{hostile}: {error}");
        }
    }

    #[test]
    fn a_missing_root_is_told_apart_from_a_missing_file() {
        let (folder, _) = root();
        let root = Root::at(&folder.path().join("none")).unwrap();
        assert!(matches!(root.require(), Err(LocalError::NoRoot(_))));
        assert!(matches!(root.open_file(Path::new("x")), Err(LocalError::NoRoot(_))));
        assert!(matches!(root.ensure_state_dir(), Err(LocalError::NoRoot(_))));
    }

    #[test]
    fn the_device_keeps_its_name() {
        let (_folder, root) = root();
        let first = root.device_name("Work Laptop.local", &Fixed(0xabc), Access::ReadOnly).unwrap();
        assert_eq!(first, "work-laptop-0abc");
        assert!(!root.state_dir().exists(), "a dry run leaves nothing behind");
        assert_eq!(root.device_name("xps", &Fixed(7), Access::ReadWrite).unwrap(), "xps-0007");
        assert_eq!(root.device_name("other", &Fixed(8), Access::ReadWrite).unwrap(), "xps-0007");
        assert_eq!(root.state_dir().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(plain_host(""), "device");
    }

    #[test]
    fn staging_of_a_dry_run_is_outside() {
        let (_folder, root) = root();
        let staging = root.staging(Access::ReadOnly).unwrap();
        assert!(!staging.path().starts_with(root.path()));
        assert!(!root.state_dir().exists());

        let left = root.staging(Access::ReadWrite).unwrap().keep();
        assert!(left.starts_with(root.tmp_dir()));
        root.clear_staging().unwrap();
        assert!(!left.exists());
    }
}
