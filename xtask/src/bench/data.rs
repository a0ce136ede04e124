//! The data set: the same bytes every time, whoever makes it.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// How much data there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) files: u64,
    pub(super) folders: u64,
    /// Length of the one large file, in bytes.
    pub(super) large: u64,
}

impl Size {
    /// What the published figures are measured on.
    pub(super) const FULL: Self = Self { files: 10_000, folders: 200, large: 1 << 30 };
    /// Enough to try the bench itself.
    pub(super) const SMALL: Self = Self { files: 1_000, folders: 20, large: 64 << 20 };
}

const SMALLEST: u64 = 200;
const LARGEST: u64 = 4_000;
const SEED: u64 = 0x5eed_0f10_9b00_c0de;

/// Writes the small files: 200 to 4,000 bytes each, spread evenly over the folders.
pub(super) fn write_small_files(root: &Path, size: Size) -> anyhow::Result<()> {
    for folder in 0..size.folders {
        fs::create_dir_all(root.join(format!("folder-{folder:03}"))).context("cannot create the data set")?;
    }
    (0..size.files).try_for_each(|number| write_small_file(&small_file(root, number, size), number, 0))
}

/// Gives one file in a hundred other bytes and another length.
pub(super) fn change_one_percent(root: &Path, size: Size) -> anyhow::Result<()> {
    (0..size.files)
        .step_by(100)
        .try_for_each(|number| write_small_file(&small_file(root, number, size), number, 1))
}

/// Writes the large file.
pub(super) fn write_large_file(path: &Path, size: Size) -> anyhow::Result<()> {
    let file = File::create(path).context("cannot create the large file")?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut numbers = Numbers(SEED);
    for _ in 0..size.large / 8 {
        file.write_all(&numbers.next().to_le_bytes()).context("cannot write the large file")?;
    }
    file.flush().context("cannot write the large file")
}

fn small_file(root: &Path, number: u64, size: Size) -> PathBuf {
    root.join(format!("folder-{:03}/note-{number:05}.md", number % size.folders))
}

fn write_small_file(path: &Path, number: u64, edition: u64) -> anyhow::Result<()> {
    fs::write(path, small_content(number, edition))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn small_content(number: u64, edition: u64) -> Vec<u8> {
    let mut numbers = Numbers(SEED ^ (number << 1) ^ (edition << 40));
    let length = SMALLEST + numbers.next() % (LARGEST - SMALLEST + 1);
    (0..length).map(|_| b'a' + (numbers.next() % 26) as u8).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014): short, fast, and the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TINY: Size = Size { files: 300, folders: 6, large: 4096 };

    fn contents(root: &Path) -> Vec<Vec<u8>> {
        (0..TINY.files).map(|number| fs::read(small_file(root, number, TINY)).unwrap()).collect()
    }

    #[test]
    fn the_same_bytes_every_time_all_different_and_of_the_stated_length() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_small_files(one.path(), TINY).unwrap();
        write_small_files(other.path(), TINY).unwrap();
        let files = contents(one.path());
        assert_eq!(files, contents(other.path()));
        assert!(files.iter().all(|file| (200..=4_000).contains(&file.len())));
        assert_eq!(files.iter().collect::<BTreeSet<_>>().len(), files.len());
    }

    #[test]
    fn one_percent_changes() {
        let root = tempfile::tempdir().unwrap();
        write_small_files(root.path(), TINY).unwrap();
        let before = contents(root.path());
        change_one_percent(root.path(), TINY).unwrap();
        let after = contents(root.path());
        assert_eq!(before.iter().zip(&after).filter(|(before, after)| before != after).count(), 3);
    }

    #[test]
    fn the_large_file_has_its_length() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("large.bin");
        write_large_file(&path, TINY).unwrap();
        assert_eq!(fs::metadata(path).unwrap().len(), TINY.large);
    }
}
