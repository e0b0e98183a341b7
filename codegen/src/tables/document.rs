//! A TOML document for the readers of `tables`: checks the type of each value and refuses unknown
//! keys.
//!
//! A reader requests values. It gets an empty value on an error; [`parse`] then returns the first
//! error, with its line, instead of the result. This keeps the readers simple and fast to compile:
//! they are part of build scripts.

use crate::Error;
use crate::text::joined;
use std::cell::RefCell;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A limit that no array of the tables reaches.
const MOST_ITEMS: usize = 10_000;

/// A document being read.
struct Document<'d> {
    file: &'d str,
    text: &'d str,
    mistake: RefCell<Option<Error>>,
}

impl<'d> Document<'d> {
    fn table(&self) -> Result<DeTable<'d>, Error> {
        match DeTable::parse(self.text) {
            Ok(table) => Ok(table.into_inner()),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                let what = format!("not valid TOML: {}", error.message());
                Err(Error::at(self.file, self.line(at), what))
            }
        }
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|&&b| b == b'\n').count()
    }

    /// Keeps the first error.
    fn refuse(&self, at: usize, what: String) {
        let mut mistake = self.mistake.borrow_mut();
        if mistake.is_none() {
            *mistake = Some(Error::at(self.file, self.line(at), what));
        }
    }
}

/// One table of the document, and its position.
pub(crate) struct Block<'d> {
    document: &'d Document<'d>,
    at: usize,
    table: &'d DeTable<'d>,
}

/// Reads a document; returns the first error that `read` met, if any.
pub(crate) fn parse<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(&Block<'_>) -> T,
) -> Result<T, Error> {
    let document = Document { file, text, mistake: RefCell::new(None) };
    let table = document.table()?;
    let value = read(&Block { document: &document, at: 0, table: &table });
    match document.mistake.take() {
        None => Ok(value),
        Some(mistake) => Err(mistake),
    }
}

impl<'d> Block<'d> {
    /// Records an error at this table.
    pub(crate) fn refuse(&self, what: String) {
        self.document.refuse(self.at, what);
    }

    /// Refuses all keys except `keys`.
    pub(crate) fn only(&self, keys: &[&str]) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                let what = format!("unknown key `{name}`; expected one of {}", joined(keys, ", "));
                self.document.refuse(key.span().start, what);
            }
        }
    }

    /// The keys in the order of the file.
    #[cfg(all(test, feature = "cli"))]
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> =
            self.table.keys().map(|key| (key.span().start, key.get_ref().to_string())).collect();
        keys.sort();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn get(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        let value = self.table.get(key);
        if value.is_none() {
            self.refuse(format!("the key `{key}` is missing"));
        }
        value
    }

    fn mismatch(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let kind = value.get_ref().type_str();
        let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        self.document
            .refuse(value.span().start, format!("`{key}` must be {wanted}, not {article} {kind}"));
    }

    pub(crate) fn string(&self, key: &str) -> String {
        let Some(value) = self.get(key) else { return String::new() };
        match value.get_ref().as_str() {
            Some(text) => text.to_owned(),
            None => {
                self.mismatch(key, value, "a string");
                String::new()
            }
        }
    }

    pub(crate) fn optional_string(&self, key: &str) -> Option<String> {
        if self.has(key) { Some(self.string(key)) } else { None }
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        let Some(value) = self.get(key) else { return false };
        match value.get_ref().as_bool() {
            Some(flag) => flag,
            None => {
                self.mismatch(key, value, "true or false");
                false
            }
        }
    }

    pub(crate) fn integer(&self, key: &str) -> i64 {
        let Some(value) = self.get(key) else { return 0 };
        let Some(integer) = value.get_ref().as_integer() else {
            self.mismatch(key, value, "a whole number");
            return 0;
        };
        i64::from_str_radix(integer.as_str(), integer.radix()).unwrap_or_else(|_| {
            let what = format!("`{key}` is {integer}, but must fit in 64 bits");
            self.document.refuse(value.span().start, what);
            0
        })
    }

    pub(crate) fn number(&self, key: &str) -> u32 {
        self.number_to(key, u32::MAX)
    }

    pub(crate) fn number_to(&self, key: &str, most: u32) -> u32 {
        let integer = self.integer(key);
        if integer < 0 || integer > most as i64 {
            self.refuse(format!("`{key}` is {integer}, but must be in 0..={most}"));
        }
        integer as u32
    }

    pub(crate) fn strings(&self, key: &str) -> Vec<String> {
        let mut strings = Vec::new();
        let Some(value) = self.get(key) else { return strings };
        match value.get_ref().as_array() {
            Some(array) => {
                for item in array {
                    match item.get_ref().as_str() {
                        Some(text) => strings.push(text.to_owned()),
                        None => self.mismatch(key, item, "an array of strings"),
                    }
                }
            }
            None => self.mismatch(key, value, "an array of strings"),
        }
        strings
    }

    /// A table within this one; `None` where there is none.
    pub(crate) fn block<T>(&self, key: &str, read: fn(&Block<'_>) -> T) -> Option<T> {
        if !self.has(key) {
            return None;
        }
        let value = self.get(key)?;
        let block = self.inner(key, value)?;
        Some(read(&block))
    }

    /// An array of tables; a missing key is an empty one.
    pub(crate) fn list<T>(&self, key: &str, mut read: impl FnMut(&Block<'_>) -> T) -> Vec<T> {
        let mut list = Vec::new();
        for item in self.items(key) {
            if let Some(block) = self.inner(key, item) {
                list.push(read(&block));
            }
        }
        list
    }

    fn items(&self, key: &str) -> &'d [Spanned<DeValue<'d>>] {
        if !self.has(key) {
            return &[];
        }
        let Some(value) = self.get(key) else { return &[] };
        let Some(array) = value.get_ref().as_array() else {
            self.mismatch(key, value, "an array of tables");
            return &[];
        };
        if let Some(item) = array.get(MOST_ITEMS) {
            let what = format!("`{key}` has more than {MOST_ITEMS} items");
            self.document.refuse(item.span().start, what);
        }
        &array[..array.len().min(MOST_ITEMS)]
    }

    fn inner(&self, key: &str, value: &'d Spanned<DeValue<'d>>) -> Option<Block<'d>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.mismatch(key, value, "a table");
        }
        Some(Block { document: self.document, at: value.span().start, table: table? })
    }
}
