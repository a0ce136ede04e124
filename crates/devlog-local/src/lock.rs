//! `RootLock`: one run at a time in a root, and who it is that runs.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use chrono::{DateTime, SecondsFormat, Utc};
use devlog_core::ports::LocalError;

use crate::root::Root;

/// Why the lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it. What is known of that run is what it wrote into the file, which may be nothing.
    #[error("another devlog is at work in this folder{}", holder(*pid, *since))]
    Held {
        /// Its process id.
        pid: Option<u32>,
        /// When it took the lock.
        since: Option<DateTime<Utc>>,
    },
    /// The lock file cannot be made or opened.
    #[error("cannot open the lock file")]
    Unusable(#[from] LocalError),
}

fn holder(pid: Option<u32>, since: Option<DateTime<Utc>>) -> String {
    let pid = pid.map(|pid| format!("process {pid}"));
    let since = since.map(|since| format!("since {}", since.to_rfc3339_opts(SecondsFormat::Secs, true)));
    let known: Vec<String> = pid.into_iter().chain(since).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}

/// The lock on a root. Dropping it, or dying, releases it: the system keeps the lock, the file only names its holder.
#[derive(Debug)]
pub struct RootLock {
    file: File,
}

impl RootLock {
    /// Takes the lock, or says who has it. Never waits.
    pub fn acquire(root: &Root, now: DateTime<Utc>) -> Result<Self, LockError> {
        root.ensure_state_dir()?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(root.lock_file()).map_err(LocalError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let (pid, since) = read_holder(&mut file);
                return Err(LockError::Held { pid, since });
            }
            Err(TryLockError::Error(error)) => return Err(LocalError::Io(error).into()),
        }
        let lock = Self { file };
        lock.sign(now).map_err(LocalError::Io)?;
        // A run that died may have left gigabytes; failing to remove them is no reason not to run.
        root.clear_staging().ok();
        Ok(lock)
    }

    fn sign(&self, now: DateTime<Utc>) -> io::Result<()> {
        self.file.set_len(0)?;
        let since = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        (&self.file).write_all(format!("{} {since}\n", std::process::id()).as_bytes())
    }
}

impl Drop for RootLock {
    fn drop(&mut self) {
        // Emptied first: nobody should be told of a holder that has left.
        self.file.set_len(0).ok();
        self.file.unlock().ok();
    }
}

/// What the holder wrote; nothing where the file is empty, torn or not ours.
fn read_holder(file: &mut File) -> (Option<u32>, Option<DateTime<Utc>>) {
    let mut text = Vec::new();
    if file.take(256).read_to_end(&mut text).is_err() {
        return (None, None);
    }
    let text = String::from_utf8_lossy(&text);
    let mut words = text.split_whitespace();
    let pid = words.next().and_then(|word| word.parse().ok());
    let since = words.next().and_then(|word| DateTime::parse_from_rfc3339(word).ok());
    (pid, since.map(|since| since.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn the_second_is_told_who_holds_it() {
        let (_folder, root) = root();
        let now = DateTime::from_timestamp_millis(1_757_600_000_123).unwrap();
        let lock = RootLock::acquire(&root, now).unwrap();
        match RootLock::acquire(&root, now) {
            Err(LockError::Held { pid, since }) => {
                assert_eq!(pid, Some(std::process::id()));
                assert_eq!(since, Some(now));
            }
            other => panic!("{other:?}"),
        }
        drop(lock);
        RootLock::acquire(&root, now).unwrap();
    }

    #[test]
    fn a_lock_file_full_of_nonsense_is_no_obstacle() {
        let (_folder, root) = root();
        std::fs::create_dir(root.state_dir()).unwrap();
        std::fs::write(root.lock_file(), [0xff, 0xfe, b'\n', 0]).unwrap();
        let lock = RootLock::acquire(&root, Utc::now()).unwrap();
        std::fs::write(root.lock_file(), [0xff; 5000]).unwrap();
        let held = RootLock::acquire(&root, Utc::now()).unwrap_err();
        assert!(matches!(held, LockError::Held { pid: None, since: None }), "{held:?}");
        assert_eq!(held.to_string(), "another devlog is at work in this folder");
        drop(lock);
    }

    #[test]
    fn a_lock_file_that_cannot_be_opened_is_an_error_of_its_own() {
        let (_folder, root) = root();
        std::fs::create_dir_all(root.lock_file()).unwrap();
        assert!(matches!(RootLock::acquire(&root, Utc::now()), Err(LockError::Unusable(_))));
    }
}
