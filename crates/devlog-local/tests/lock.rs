//! The lock between processes: held while its holder lives, and not a moment longer.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use chrono::Utc;
use devlog_local::lock::{LockError, RootLock};
use devlog_local::root::Root;

const HOLD: &str = "DEVLOG_TEST_HOLD_LOCK_OF";

/// C9. The test starts itself as the other process.
#[test]
fn c9_the_lock_of_a_killed_process_is_free() {
    if let Some(root) = std::env::var_os(HOLD) {
        let _lock = RootLock::acquire(&Root::at(root.as_ref()).unwrap(), Utc::now()).unwrap();
        // Straight to the pipe: the test harness keeps what is printed to itself.
        writeln!(std::io::stdout(), "\nheld").unwrap();
        loop {
            std::thread::park();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path()).unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "c9_the_lock_of_a_killed_process_is_free", "--nocapture"])
        .env(HOLD, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"), "the other process ended without the lock");

    let left = root.staging(devlog_local::root::Access::ReadWrite).unwrap().keep();
    match RootLock::acquire(&root, Utc::now()) {
        Err(LockError::Held { pid, since }) => {
            assert_eq!(pid, Some(holder.id()));
            assert!(since.is_some());
        }
        other => panic!("{other:?}"),
    }
    assert!(left.exists(), "who does not hold the lock removes nothing");

    holder.kill().unwrap();
    holder.wait().unwrap();
    let _lock = RootLock::acquire(&root, Utc::now()).unwrap();
    assert!(!left.exists(), "what the dead run staged is gone");
}
