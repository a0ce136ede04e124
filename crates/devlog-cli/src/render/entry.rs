//! Entries as text: a line each in a list, a page each when shown.

use std::fmt::Write as _;

use chrono::{DateTime, Days, FixedOffset, Local, NaiveDate};
use console::truncate_str;
use devlog_core::journal::{Entry, ShortIds};

use crate::ui::{Ui, printable};

/// The least room that is left for the text of an entry.
const LEAST_TEXT: usize = 20;

/// A list on a terminal: as wide as that, with dates as one says them. Elsewhere: whole lines, dates as ISO has them.
pub(crate) struct ListView<'a> {
    pub(crate) ui: &'a Ui,
    pub(crate) ids: &'a ShortIds,
    /// Today, on a terminal.
    pub(crate) today: Option<NaiveDate>,
}

impl ListView<'_> {
    /// One line for each entry.
    pub(crate) fn lines(&self, entries: &[Entry]) -> String {
        let rows: Vec<(String, String, String)> = entries
            .iter()
            .map(|entry| (self.ids.short(entry.id), self.date(entry.at), title(entry)))
            .collect();
        let id_width = rows.iter().map(|(id, ..)| id.len()).max().unwrap_or(0);
        let date_width = rows.iter().map(|(_, date, _)| date.len()).max().unwrap_or(0);
        let room =
            self.today.map(|_| self.ui.width().saturating_sub(id_width + date_width + 4).max(LEAST_TEXT));
        let mut text = String::new();
        for (id, date, title) in rows {
            let shown = room.map_or(title.as_str().into(), |room| truncate_str(&title, room, "…"));
            let id = self.ui.style().dim().apply_to(format!("{id:<id_width$}"));
            let _ = writeln!(text, "{id}  {date:<date_width$}  {shown}");
        }
        text
    }

    fn date(&self, at: DateTime<FixedOffset>) -> String {
        let day = at.date_naive();
        let time = at.format("%H:%M");
        match self.today {
            Some(today) if day == today => format!("today {time}"),
            Some(today) if day == today - Days::new(1) => format!("yesterday {time}"),
            Some(_) | None => format!("{day} {time}"),
        }
    }
}

/// The first line of an entry, and what else there is to know at a glance.
pub(crate) fn title(entry: &Entry) -> String {
    let mut lines = entry.body.lines().filter(|line| !line.trim().is_empty());
    let mut title = printable(&lines.next().unwrap_or_default().trim().replace('\t', " "));
    if let more @ 1.. = lines.count() {
        let _ = write!(title, " (+{more} {})", if more == 1 { "line" } else { "lines" });
    }
    if entry.is_contested() {
        title.push_str(" [changed on two devices]");
    }
    title
}

/// An entry as a page.
pub(crate) fn formatted(ui: &Ui, entry: &Entry) -> String {
    let found = entry.annotations();
    let mut text = String::new();
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            let name = ui.style().dim().apply_to(format!("{:<9}", format!("{name}:")));
            let _ = writeln!(text, "{name} {}", printable(&value));
        }
    };
    field("Entry", entry.id.to_string());
    field("At", format!("{}{}", entry.at.format("%a %Y-%m-%d %H:%M %:z"), ago(entry.at)));
    field(
        "Written",
        format!("{} on {}", entry.ts.with_timezone(&Local).format("%a %Y-%m-%d %H:%M"), entry.device),
    );
    field("People", found.people.join(", "));
    field("Projects", found.projects.join(", "));
    field("Tags", found.tags.join(", "));
    let mut state = Vec::new();
    if entry.deleted {
        state.push("deleted");
    }
    if entry.is_edited() {
        state.push("edited");
    }
    if entry.is_contested() {
        state.push("changed on two devices; --history shows both");
    }
    field("State", state.join(", "));
    let _ = writeln!(text, "\n{}", printable(&entry.body));
    text
}

/// What happened to an entry, the first event first.
pub(crate) fn history(ui: &Ui, entry: &Entry) -> String {
    let mut text = String::new();
    for event in entry.history() {
        let time = event.ts.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S");
        let op = ui.style().bold().apply_to(printable(event.op.name()));
        let _ = writeln!(text, "\n{time}  {op} on {}", printable(&event.device));
        for line in event.body.as_deref().unwrap_or_default().lines() {
            let _ = writeln!(text, "    {}", printable(line));
        }
    }
    text
}

/// How long ago that is, where it is near enough to be said in days.
fn ago(at: DateTime<FixedOffset>) -> String {
    let days = Local::now().date_naive().signed_duration_since(at.date_naive()).num_days();
    match days {
        0 => " (today)".to_owned(),
        1 => " (yesterday)".to_owned(),
        2..=30 => format!(" ({days} days ago)"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use devlog_core::journal::{Stamp, Ulid, fold};

    use super::*;
    use crate::ui::Manner;

    fn entry(n: u128, at: &str, body: &str) -> Entry {
        let at = DateTime::parse_from_rfc3339(at).unwrap();
        let stamp = Stamp { id: Ulid::from_parts(1, n), ts: at.to_utc(), device: "xps".into() };
        fold([stamp.create(None, at, body.into())]).remove(0)
    }

    #[test]
    fn columns_line_up_whatever_the_script() {
        let entries = [
            entry(1, "2025-09-11T14:03:00+02:00", "修正 +ci\nmore"),
            entry(2, "2025-09-10T09:00:00-07:00", "tab\there \u{1b}[31mred"),
            entry(3, "2025-08-01T00:00:00Z", ""),
        ];
        let ids = ShortIds::new(entries.iter().map(|entry| entry.id).collect());
        let ui = Ui::new(Manner::default());
        let view = |today: Option<&str>| {
            let today = today.map(|day| day.parse().unwrap());
            ListView { ui: &ui, ids: &ids, today }.lines(&entries)
        };
        let id = |n: usize| ids.short(entries[n].id);
        assert_eq!(
            view(None),
            format!(
                "{}  2025-09-11 14:03  修正 +ci (+1 line)\n{}  2025-09-10 09:00  tab here \\u{{1b}}[31mred\n{}  2025-08-01 00:00  \n",
                id(0),
                id(1),
                id(2)
            )
        );
        let spoken = view(Some("2025-09-11"));
        let lines: Vec<&str> = spoken.lines().collect();
        assert!(lines[0].contains("  today 14:03       修正"), "{spoken}");
        assert!(lines[1].contains("  yesterday 09:00   tab"), "{spoken}");
    }
}
