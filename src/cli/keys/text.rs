//! A record's text, changed in a few places; what people wrote in the others stays as it is.

use std::path::Path;

use anyhow::{Context as _, Result};
use toml_edit::{DocumentMut, Item, Table};

use crate::cli::directory::text::faulty;
use crate::cli::file;
use crate::directory::signed::record::{OwnRecord, RECORD_BYTES_MAX};

/// Reads a record's text, with every fault of it.
pub(super) fn read(text: &str) -> Result<OwnRecord> {
    OwnRecord::parse(text)
        .map_err(|faults| faulty(Path::new("the agency's record"), "record", &faults))
}

/// Reads a text that waits for its signature, if one does.
pub(super) fn waiting(path: &Path) -> Result<Option<OwnRecord>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = file::read_text(path, u64::try_from(RECORD_BYTES_MAX)?)?;
    OwnRecord::parse(&text).map(Some).map_err(|faults| faulty(path, "record", &faults))
}

/// The text of a record.
pub(super) struct Record(DocumentMut);

impl Record {
    /// Takes a text.
    pub(super) fn parse(text: &str) -> Result<Self> {
        Ok(Self(text.parse().context("the record is no TOML")?))
    }

    /// Takes the tables of a list out.
    pub(super) fn tables(&mut self, name: &str) -> Result<Vec<Table>> {
        tables(self.0.remove(name))
    }

    /// Takes out what stands under a name.
    pub(super) fn take(&mut self, name: &str) -> Option<Item> {
        self.0.remove(name)
    }

    /// Puts a value under a name.
    pub(super) fn put(&mut self, name: &str, item: Item) {
        self.0.insert(name, item);
    }

    /// Changes the last table of a list.
    pub(super) fn in_last(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Table) -> Result<()>,
    ) -> Result<()> {
        let list = self.0.get_mut(name).context("the record lacks a list")?;
        if list.as_array_of_tables().is_none() {
            let whole = std::mem::take(list).into_array_of_tables();
            *list = Item::ArrayOfTables(whole.ok().context("the record's list is none")?);
        }
        let list = list.as_array_of_tables_mut().context("the record's list is none")?;
        let last = list.len().checked_sub(1).and_then(|at| list.get_mut(at));
        change(last.context("the record's list is empty")?)
    }

    /// The text again.
    pub(super) fn to_text(&self) -> String {
        self.0.to_string()
    }
}

/// The tables of a list, which may be missing.
pub(super) fn tables(item: Option<Item>) -> Result<Vec<Table>> {
    let Some(item) = item else {
        return Ok(Vec::new());
    };
    let list = item.into_array_of_tables().ok().context("the record's list is none")?;
    Ok(list.into_iter().collect())
}

/// A table.
pub(super) fn table(item: Option<Item>) -> Result<Table> {
    let table = item.and_then(|it| it.into_table().ok());
    table.context("the record's table is none")
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml_edit::value;

    #[test]
    fn only_what_is_asked_for_changes() {
        let text = "# ours\nid = \"a\" # kept\n\n[[journal]]\nname = \"1\" # first\n\n\
                    [[journal]]\nname = \"2\"\n\n[[sealing]]\nkey_id = \"b\"\n";
        let mut record = Record::parse(text).unwrap();
        record
            .in_last("journal", |it| {
                it.insert("x", value(7));
                Ok(())
            })
            .unwrap();
        assert_eq!(record.to_text(), text.replace("name = \"2\"\n", "name = \"2\"\nx = 7\n"));
        let mut inline = Record::parse("journal = [{ name = \"1\" }]\n").unwrap();
        inline
            .in_last("journal", |it| {
                it.insert("x", value(7));
                Ok(())
            })
            .unwrap();
        assert_eq!(inline.to_text().matches("x = 7").count(), 1);
        assert!(record.in_last("node", |_| Ok(())).is_err());
    }
}
