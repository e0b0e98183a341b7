//! A TOML document as the readers of `tables` want it: each value checked for its type, each error with its line, every
//! unknown key refused.

use crate::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One table of the document, and where it stands.
pub(crate) struct Block<'d> {
    file: &'d str,
    text: &'d str,
    at: usize,
    table: &'d DeTable<'d>,
}

pub(crate) fn parse<T>(file: &str, text: &str, read: impl FnOnce(&Block<'_>) -> Result<T, Error>) -> Result<T, Error> {
    let document = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(text, span.start));
        Error::new(file, line, format!("not valid TOML: {}", error.message()))
    })?;
    read(&Block { file, text, at: 0, table: document.get_ref() })
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|&&b| b == b'\n').count()
}

impl<'d> Block<'d> {
    pub(crate) fn error(&self, what: impl Into<String>) -> Error {
        Error::new(self.file, line_of(self.text, self.at), what)
    }

    /// Refuses every key but `keys`.
    pub(crate) fn only(&self, keys: &[&str]) -> Result<(), Error> {
        match self.table.keys().find(|key| !keys.contains(&key.get_ref().as_ref())) {
            None => Ok(()),
            Some(key) => Err(Error::new(
                self.file,
                line_of(self.text, key.span().start),
                format!("unknown key `{}`; the keys here are {}", key.get_ref(), keys.join(", ")),
            )),
        }
    }

    /// The keys in the order of the file.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.table.keys().map(|key| (key.span().start, key.get_ref().to_string())).collect();
        keys.sort();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn need(&self, key: &str) -> Result<&'d Spanned<DeValue<'d>>, Error> {
        self.value(key).ok_or_else(|| self.error(format!("the key `{key}` is missing")))
    }

    fn mismatch(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Error {
        let line = line_of(self.text, value.span().start);
        Error::new(self.file, line, format!("`{key}` must be {wanted}, and is {}", article(value.get_ref().type_str())))
    }

    pub(crate) fn string(&self, key: &str) -> Result<String, Error> {
        let value = self.need(key)?;
        value.get_ref().as_str().map(str::to_owned).ok_or_else(|| self.mismatch(key, value, "a string"))
    }

    pub(crate) fn optional_string(&self, key: &str) -> Result<Option<String>, Error> {
        self.value(key).map(|_| self.string(key)).transpose()
    }

    pub(crate) fn flag(&self, key: &str) -> Result<bool, Error> {
        match self.value(key) {
            None => Ok(false),
            Some(value) => value.get_ref().as_bool().ok_or_else(|| self.mismatch(key, value, "true or false")),
        }
    }

    pub(crate) fn number<N: TryFrom<i64>>(&self, key: &str) -> Result<N, Error> {
        let value = self.need(key)?;
        let wanted = "a whole number in range";
        let integer = value.get_ref().as_integer().ok_or_else(|| self.mismatch(key, value, wanted))?;
        i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|number| N::try_from(number).ok())
            .ok_or_else(|| self.mismatch(key, value, wanted))
    }

    pub(crate) fn strings(&self, key: &str) -> Result<Vec<String>, Error> {
        let value = self.need(key)?;
        let wrong = || self.mismatch(key, value, "an array of strings");
        let array = value.get_ref().as_array().ok_or_else(wrong)?;
        array.iter().map(|item| item.get_ref().as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    }

    pub(crate) fn optional_block(&self, key: &str) -> Result<Option<Block<'d>>, Error> {
        self.value(key).map(|value| self.inner(key, value)).transpose()
    }

    /// An array of tables; a missing key is an empty one.
    pub(crate) fn blocks(&self, key: &str) -> Result<Vec<Block<'d>>, Error> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let array = value.get_ref().as_array().ok_or_else(|| self.mismatch(key, value, "an array of tables"))?;
        array.iter().map(|item| self.inner(key, item)).collect()
    }

    fn inner(&self, key: &str, value: &'d Spanned<DeValue<'d>>) -> Result<Block<'d>, Error> {
        let table = value.get_ref().as_table().ok_or_else(|| self.mismatch(key, value, "a table"))?;
        Ok(Block { file: self.file, text: self.text, at: value.span().start, table })
    }
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}
