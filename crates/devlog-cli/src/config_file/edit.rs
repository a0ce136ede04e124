//! Changes one setting in `config.toml`: comments and order stay, and the file is replaced whole or not at all.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use toml_edit::{DocumentMut, Item, Value};

use super::{CONFIG_FILE, Settings, check_key};
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// Writes one setting and keeps comments and order. The value is checked before anything is written.
pub(crate) fn set(root: &Path, key: &str, value: &str) -> Result<(), CliError> {
    check_key(key, "")?;
    edit(root, Afterwards::Understood, |document| {
        keep_on_top(document, key);
        let mut table = document.as_table_mut() as &mut dyn toml_edit::TableLike;
        let (folders, leaf) = key.rsplit_once('.').unwrap_or(("", key));
        for name in folders.split('.').filter(|name| !name.is_empty()) {
            let implicit = name == "remotes";
            table = table
                .entry(name)
                .or_insert_with(|| {
                    let mut made = toml_edit::Table::new();
                    made.set_implicit(implicit);
                    Item::Table(made)
                })
                .as_table_like_mut()
                .ok_or_else(|| CliError::usage(format!("{CONFIG_FILE}: `{name}` is not a table")))?;
        }
        let mut new = typed(value);
        if let Some(old) = table.get(leaf).and_then(Item::as_value) {
            // The space and the comment around the old value stay.
            *new.decor_mut() = old.decor().clone();
        }
        table.insert(leaf, Item::Value(new));
        Ok(())
    })
}

/// What a file of nothing but comments says stays above its first table.
fn keep_on_top(document: &mut DocumentMut, key: &str) {
    let comments = document.trailing().as_str().unwrap_or_default().to_owned();
    let Some((table, _)) = key.split_once('.') else { return };
    // `[remotes]` is never written out, so nothing can stand above it.
    if document.as_table().is_empty() && !comments.trim().is_empty() && table != "remotes" {
        let mut first = toml_edit::Table::new();
        first.decor_mut().set_prefix(format!("{}\n\n", comments.trim_end()));
        document.insert(table, Item::Table(first));
        document.set_trailing("");
    }
}

/// Removes one setting; a table that it leaves empty goes too. Whether it was there.
pub(crate) fn unset(root: &Path, key: &str) -> Result<bool, CliError> {
    let mut was_there = false;
    edit(root, Afterwards::Whatever, |document| {
        let names: Vec<&str> = key.split('.').collect();
        was_there = remove(document.as_table_mut(), &names);
        Ok(())
    })?;
    Ok(was_there)
}

fn remove(table: &mut dyn toml_edit::TableLike, names: &[&str]) -> bool {
    let Some((name, rest)) = names.split_first() else {
        return false;
    };
    if rest.is_empty() {
        return table.remove(name).is_some();
    }
    let Some(inner) = table.get_mut(name).and_then(Item::as_table_like_mut) else {
        return false;
    };
    let removed = remove(inner, rest);
    if removed && inner.is_empty() {
        table.remove(name);
    }
    removed
}

/// What must hold of the file after a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    /// All of it is understood, or nothing is written.
    Understood,
    /// A wrong key can be taken out while others are wrong too.
    Whatever,
}

fn edit(
    root: &Path,
    afterwards: Afterwards,
    change: impl FnOnce(&mut DocumentMut) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let file = root.join(CONFIG_FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(cannot_write(&file, &error)),
    };
    let mut document: DocumentMut = text
        .parse()
        .map_err(|_| CliError::usage(format!("{CONFIG_FILE} is not TOML")).with_hint("devlog config edit"))?;
    change(&mut document)?;
    let new = document.to_string();
    if new == text {
        return Ok(());
    }
    if afterwards == Afterwards::Understood {
        let mut settings = Settings::default();
        settings.read_file(&new)?;
        settings.apply()?;
    }
    write_atomically(&file, new.as_bytes()).map_err(|error| cannot_write(&file, &error))
}

/// The old content or the new, never a part.
pub(crate) fn write_atomically(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut staged =
        tempfile::Builder::new().prefix(devlog_local::ignore_rules::TEMP_PREFIX).tempfile_in(folder)?;
    staged.write_all(content)?;
    staged.as_file().sync_all()?;
    staged.persist(file)?;
    fs::File::open(folder)?.sync_all()
}

fn cannot_write(file: &Path, error: &std::io::Error) -> CliError {
    CliError::new(ExitCode::Failed, format!("cannot write {}", file.display())).with_causes(Some(error))
}

/// Numbers and booleans are written as such.
fn typed(value: &str) -> Value {
    // `007` stays as it is.
    if let Some(number) = value.parse::<i64>().ok().filter(|number| number.to_string() == value) {
        return number.into();
    }
    value.parse::<bool>().map_or_else(|_| value.into(), Into::into)
}
