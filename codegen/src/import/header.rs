//! What only headers and C files say: aliases, private calls, names taken away, bases, swapped
//! entry points, error numbers and constants.

use super::cpp::Unit;
use super::tbl::Rows;
use super::unistd::{self, Numbers, called};
use crate::Error;
use crate::source::files;
use crate::tables::{Abi, ErrnoValue, Extra, KernelTable, Taker};
use crate::version::Version;
use std::path::{Path, PathBuf};

/// Where `#include <…>` looks, in order.
pub(crate) struct Includes {
    folders: Vec<PathBuf>,
    /// In a kernel tree, a header `asm/x.h` that is in no folder is the generic one. Installed
    /// headers have them all.
    tree: bool,
}

impl Includes {
    /// The user-space headers of a kernel tree.
    pub(crate) fn of_tree(root: &Path, arch: &str) -> Includes {
        let folders =
            vec![root.join(format!("arch/{arch}/include/uapi")), root.join("include/uapi")];
        Includes { folders, tree: true }
    }

    /// Installed headers.
    pub(crate) fn installed(folders: Vec<PathBuf>) -> Includes {
        Includes { folders, tree: false }
    }

    /// The file that a name stands for, which may be one that cannot be read.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let generic = name
            .strip_prefix("asm/")
            .filter(|_| self.tree)
            .map(|name| format!("asm-generic/{name}"));
        let names = [Some(name), generic.as_deref()].into_iter().flatten();
        let mut paths =
            names.flat_map(|name| self.folders.iter().map(move |folder| folder.join(name)));
        paths.find(|path| files::is_there(path))
    }

    /// What to say of an included header that is not there.
    pub(crate) fn lacks(&self, name: &str, file: &str, line: usize) -> Error {
        Error::at(file, line, format!("includes <{name}>, which is not there; {}", self.complete()))
    }

    fn complete(&self) -> &'static str {
        if self.tree { "is the tree complete?" } else { "are all of the headers installed?" }
    }

    /// Preprocesses a header; the names of those that it includes come with it. `generated` stands
    /// in for a header that the kernel makes while it is built: its name as in
    /// `<asm/unistd_64.h>`, and its text. Of the headers that architectures have of their own,
    /// no other may be missing: what it defines would have another value.
    pub(crate) fn preprocess(
        &self,
        header: &Path,
        predefined: &[(String, String)],
        generated: Option<(&str, &str)>,
    ) -> Result<(Unit, Vec<String>), Error> {
        let text = files::read(header)?;
        let mut included = Vec::new();
        let unit = Unit::preprocess(
            &header.display().to_string(),
            &text,
            predefined,
            |name, (from, line)| {
                if let Some((_, text)) = generated.filter(|(generated, _)| *generated == name) {
                    return Ok(Some((name.to_owned(), text.to_owned())));
                }
                match self.find(name) {
                    Some(path) => {
                        included.push(name.to_owned());
                        let (path, text) = (path.display().to_string(), files::read(&path)?);
                        if text.is_empty() {
                            return Err(Error::in_file(
                                path,
                                format!("is empty; {}", self.complete()),
                            ));
                        }
                        Ok(Some((path, text)))
                    }
                    // A C file of the kernel includes more than user space gets.
                    None if name.starts_with("asm")
                        && !name.starts_with("asm/unistd")
                        && !from.ends_with(".c") =>
                    {
                        Err(self.lacks(name, from, line))
                    }
                    None => Ok(None),
                }
            },
        )?;
        // Without it, every word has 0 bits.
        let defined = unit.macros().iter().any(|found| found.name == "__BITS_PER_LONG");
        match self
            .find("asm/bitsperlong.h")
            .filter(|_| included.iter().any(|name| name == "asm/bitsperlong.h"))
        {
            Some(path) if !defined => {
                let what = format!("defines no __BITS_PER_LONG; {}", self.complete());
                Err(Error::in_file(path.display().to_string(), what))
            }
            _ => Ok((unit, included)),
        }
    }
}

/// The macros of a C compiler for the ABI that these headers ask for.
pub(crate) fn predefined(abi: &Abi) -> Vec<(String, String)> {
    let bytes = (abi.bits / 8).to_string();
    let words =
        [("__CHAR_BIT__", "8"), ("__SIZEOF_LONG__", &bytes), ("__SIZEOF_POINTER__", &bytes)];
    let width = (abi.bits == 64).then_some(("__LP64__", "1"));
    let own = abi.predefined.iter().map(|text| text.split_once('=').unwrap_or((text, "1")));
    words
        .into_iter()
        .chain(width)
        .chain(own)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Whether the architecture's `asm/unistd.h` includes the header of an ABI, which no makefile
/// makes.
pub(crate) fn asks(root: &Path, abi: &Abi) -> Result<bool, Error> {
    let path = root.join(format!("arch/{}/include/uapi/asm/unistd.h", abi.arch));
    let (unit, _) = Includes::of_tree(root, &abi.arch).preprocess(&path, &predefined(abi), None)?;
    Ok(unit.missing.iter().any(|missing| missing.text.strip_prefix("asm/") == Some(&abi.header)))
}

/// Holds the ABI's block against its `asm/unistd.h`, and returns the names that the header adds or
/// takes away.
pub(crate) fn names(
    root: &Path,
    abi: &Abi,
    taker: &Taker,
    rows: &Rows,
) -> Result<Option<Extra>, Error> {
    if !abi.uapi {
        return Ok(None);
    }
    let source = format!("arch/{}/include/uapi/asm/unistd.h", abi.arch);
    let wrong = |what: String| Error::in_file(root.join(&source).display().to_string(), what);
    let mut generated = "#define AIO_SYS_ROWS\n".to_owned();
    let rows: Vec<(u32, &str)> = rows
        .iter()
        .filter(|(_, row)| taker.takes(&row.tag))
        .map(|(_, row)| (row.nr, row.name.as_str()))
        .collect();
    for (nr, name) in &rows {
        generated += &format!("#define __NR_{name} {}\n", abi.base.wrapping_add(*nr));
    }
    let include = format!("asm/{}", abi.header);
    let includes = Includes::of_tree(root, &abi.arch);
    let (unit, _) =
        includes.preprocess(&root.join(&source), &predefined(abi), Some((&include, &generated)))?;
    let macros = unit.macros();
    if !macros.iter().any(|found| found.name == "AIO_SYS_ROWS") {
        let to = format!(
            "does not include <{include}> for {}; correct `header` or `predefined` in abis.toml",
            abi.name
        );
        return Err(wrong(to));
    }
    let Some(base) = unistd::base(&unit, abi).map_err(wrong)? else {
        let name = abi.base_macro.as_deref().unwrap_or_default();
        return Err(wrong(format!("does not define {name}; correct `base_macro` in abis.toml")));
    };
    let mut extra =
        Extra { abis: vec![abi.name.clone()], source: source.clone(), ..Extra::default() };
    for found in &macros {
        let Some((name, _)) = called(&found.name) else { continue };
        if rows.iter().any(|(_, row)| *row == name) {
            continue;
        }
        let number =
            unit.value(&found.name)?.and_then(|value| u32::try_from(value.checked_sub(base)?).ok());
        let number = number.ok_or_else(|| {
            Error::at(
                &*found.file,
                found.line,
                format!("`{}` has no number that can be worked out", found.name),
            )
        })?;
        extra.names.push((number, name.to_owned()));
    }
    extra.names.sort();
    let kept =
        |name: &str| macros.iter().any(|found| found.name.strip_prefix("__NR_") == Some(name));
    extra.removed =
        rows.iter().filter(|(_, name)| !kept(name)).map(|(_, name)| (*name).to_owned()).collect();
    finish(root, extra)
}

/// Refuses a header without a name that the committed table, of a kernel that is not newer, has for
/// one of the rows.
pub(crate) fn kept(
    root: &Path,
    linux: &Version,
    before: &KernelTable,
    abi: &Abi,
    rows: &Rows,
    extra: Option<&Extra>,
) -> Result<(), Error> {
    if linux < &before.linux {
        return Ok(());
    }
    let here = |nr: u32| rows.iter().any(|(_, row)| row.nr == nr);
    let kept = |name: &String| {
        extra.is_some_and(|extra| extra.names.iter().any(|(_, other)| other == name))
    };
    let lost =
        before.extras_of(abi).flat_map(|extra| extra.names.iter().map(move |named| (extra, named)));
    match lost.into_iter().find(|(_, (nr, name))| here(*nr) && !kept(name)) {
        None => Ok(()),
        Some((extra, (_, name))) => {
            let what = format!(
                "does not define __NR_{name}, which it did in Linux {}; is it cut off?",
                before.linux
            );
            Err(Error::in_file(root.join(&extra.source).display().to_string(), what))
        }
    }
}

/// The entry points that an architecture swaps before it includes the shared table: `#define
/// sys_clone sys_clone_wrapper`. `listed` are those of the ABI's rows.
pub(crate) fn redirects(root: &Path, abi: &Abi, listed: &[&str]) -> Result<Option<Extra>, Error> {
    let Some(source) = &abi.redirects else { return Ok(None) };
    let text = files::whole(&root.join(source))?;
    // The swaps stand before the array that is made with them.
    if !text.contains("sys_call_table[") {
        let what = "makes no sys_call_table; is it cut off?";
        return Err(Error::in_file(root.join(source).display().to_string(), what));
    }
    let mut extra =
        Extra { abis: vec![abi.name.clone()], source: source.clone(), ..Extra::default() };
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["#define", from, to] = words.as_slice() else { continue };
        // arm64 puts its own prefix before every symbol.
        let prefix = format!("__{}_", abi.arch);
        let (from, to) =
            (from.strip_prefix(&prefix).unwrap_or(from), to.strip_prefix(&prefix).unwrap_or(to));
        if listed.contains(&from) {
            extra.redirects.push((from.to_owned(), to.to_owned()));
        }
    }
    finish(root, extra)
}

/// The names that a header with the numbers themselves has beside the rows.
pub(crate) fn aliases(
    root: &Path,
    numbers: &Numbers<'_>,
    header: &Path,
) -> Result<Option<Extra>, Error> {
    let source = header.strip_prefix(root).unwrap_or(header).display().to_string();
    let (abis, names) = (vec![numbers.abi.name.clone()], numbers.names.clone());
    finish(root, Extra { abis, source, names, ..Extra::default() })
}

/// Adds the hash; a file that adds nothing is no extra.
fn finish(root: &Path, mut extra: Extra) -> Result<Option<Extra>, Error> {
    if extra.names.is_empty() && extra.removed.is_empty() && extra.redirects.is_empty() {
        return Ok(None);
    }
    extra.sha256 = files::sha256(&root.join(&extra.source))?;
    Ok(Some(extra))
}

/// The error numbers that a header defines, by value.
pub(crate) fn errnos(includes: &Includes, header: &Path) -> Result<Vec<ErrnoValue>, Error> {
    let (unit, _) = includes.preprocess(header, &[], None)?;
    let mut errnos = Vec::new();
    for found in unit.macros().iter().filter(|found| found.name.starts_with('E')) {
        if let Some(value) = unit.value(&found.name)? {
            if !(1..=4095).contains(&value) {
                let what = format!("`{}` is {value}, no error number", found.name);
                return Err(Error::at(&*found.file, found.line, what));
            }
            let alias = found.body.trim().starts_with('E');
            let same = || format!("The same as {}", found.body.trim());
            errnos.push((
                value,
                alias,
                found.name.clone(),
                found.comment.clone().unwrap_or_else(same),
            ));
        }
    }
    if errnos.is_empty() {
        let what = "defines no error number; is the tree complete?";
        return Err(Error::in_file(header.display().to_string(), what));
    }
    // An alias stands behind its original, so that a look-up by value finds the original.
    errnos.sort();
    let value = |(value, _, name, text)| ErrnoValue { name, value: value as u32, text };
    Ok(errnos.into_iter().map(value).collect())
}

/// Enumerators and macros of a header whose names begin with one of the prefixes, in the header's
/// order.
pub(crate) fn constants(
    includes: &Includes,
    header: &Path,
    prefixes: &[&str],
) -> Result<Vec<(String, i64)>, Error> {
    let unit = for_constants(includes, header)?;
    let file = header.display().to_string();
    let wanted = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let mut constants: Vec<(usize, String, i64)> = Vec::new();
    for (name, value, at) in
        unit.enumerators()?.into_iter().filter(|(name, _, at)| *at.file == *file && wanted(name))
    {
        constants.push((at.line, name, value));
    }
    for found in unit.macros().iter().filter(|found| *found.file == *file && wanted(&found.name)) {
        if let Some(value) = unit.value(&found.name)? {
            constants.push((found.line, found.name.clone(), value));
        }
    }
    constants.sort();
    Ok(constants.into_iter().map(|(_, name, value)| (name, value)).collect())
}

/// The values of macros that a header defines, itself or through those that it includes.
pub(crate) fn values(
    includes: &Includes,
    header: &Path,
    names: &[&str],
) -> Result<Vec<i64>, Error> {
    let unit = for_constants(includes, header)?;
    let value = |name: &&str| {
        let missing = || {
            Error::in_file(
                header.display().to_string(),
                format!("defines no {name}; is the tree complete?"),
            )
        };
        unit.value(name)?.ok_or_else(missing)
    };
    names.iter().map(value).collect()
}

fn for_constants(includes: &Includes, header: &Path) -> Result<Unit, Error> {
    // Nothing depends on the kernel's configuration, but a .c file asks for it; nor on the byte
    // order, but what is included must have one; what only i386 has is wanted.
    let asked = [
        ("IS_ENABLED(option)", "0"),
        ("__MIPSEL__", "1"),
        ("__XTENSA_EL__", "1"),
        ("__i386__", "1"),
    ];
    let macros = asked.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(includes.preprocess(header, &macros, None)?.0)
}
