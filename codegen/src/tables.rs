//! The tables as Rust values. What each key means is said at the top of `tables/abis.toml`.

use crate::Error;
use crate::document::{self, Block};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One kernel file of numbers, and where it is.
#[derive(Clone, Debug)]
pub struct TableSource {
    /// The table's name; the imported file is `NAME.toml`.
    pub name: String,
    /// The file in the kernel tree.
    pub source: String,
    /// The makefile that says which tags each generated header takes.
    pub makefile: String,
    /// The last kernel series that has the table, if it has left the kernel.
    pub frozen: Option<String>,
}

/// An ABI: a numbering, a word size and a calling convention.
#[derive(Clone, Debug)]
pub struct Abi {
    /// Its name, as everywhere in this project.
    pub name: String,
    /// The kernel's `arch/` folder.
    pub arch: String,
    /// The kernel table with its numbers.
    pub table: String,
    /// Tags of the rows that belong to it; empty: every row.
    pub tags: Vec<String>,
    /// What user space adds to the table's number.
    pub base: u32,
    /// The kernel macro that says so.
    pub base_macro: Option<String>,
    /// The header that the kernel generates from these rows.
    pub header: String,
    /// Whether user space gets that header.
    pub uapi: bool,
    /// What a C compiler predefines, besides the word-size macros.
    pub predefined: Vec<String>,
    /// The C file that swaps entry points of a shared table.
    pub redirects: Option<String>,
    /// Width of `long` and of a pointer.
    pub bits: u32,
    /// Bytes of the kernel's signal set.
    pub sigset: u32,
    /// Values of Rust's `target_arch`.
    pub rust: Vec<String>,
    /// How a call is made, where a stub is emitted.
    pub call: Option<Convention>,
}

/// How a call is made.
#[derive(Clone, Debug)]
pub struct Convention {
    /// The instruction that enters the kernel.
    pub instruction: String,
    /// Register of the number.
    pub number: String,
    /// Registers of the arguments.
    pub arguments: Vec<String>,
    /// Register of the result.
    pub result: String,
    /// Registers that the call changes besides the result.
    pub destroyed: Vec<Destroyed>,
    /// Whether the flags survive.
    pub flags_kept: bool,
    /// How a 64-bit argument travels.
    pub pairs: Pairs,
    /// Registers that Rust's `asm!` refuses as operands.
    pub unnameable: Vec<String>,
    /// One line that saves an unnameable `{register}`.
    pub save: String,
    /// One line that loads `{register}` from `{block} + {offset}`.
    pub load: String,
    /// One line that restores it.
    pub restore: String,
}

/// A register that the kernel changes, and who says so.
#[derive(Clone, Debug)]
pub struct Destroyed {
    /// Its name in the assembler.
    pub register: String,
    /// Why it changes.
    pub why: String,
    /// The kernel file that shows it.
    pub source: String,
}

/// How a 64-bit argument travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// In one register.
    Whole,
    /// In the next two registers, in memory order.
    Consecutive,
    /// The same, but from an even argument on.
    Even,
}

/// An imported table.
#[derive(Clone, Debug, Default)]
pub struct KernelTable {
    /// The kernel it comes from.
    pub linux: String,
    /// The file in that kernel.
    pub source: String,
    /// Its SHA-256.
    pub sha256: String,
    /// What other kernel files add to it, for some of its ABIs.
    pub extras: Vec<Extra>,
    /// Its rows, in the kernel's order.
    pub rows: Vec<Row>,
}

/// A row of a kernel table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number, base not included.
    pub nr: u32,
    /// The kernel's word for the ABIs that the row is for.
    pub tag: String,
    /// The call's name.
    pub name: String,
    /// The entry point; `None` where the number is only reserved.
    pub entry: Option<String>,
    /// The compat entry point.
    pub compat: Option<String>,
    /// The call does not return.
    pub noreturn: bool,
}

/// What a header or a C file of one architecture adds to a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// The ABIs it holds for.
    pub abis: Vec<String>,
    /// The file in the kernel tree.
    pub source: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Names that it defines, with their numbers, base not included.
    pub names: Vec<(u32, String)>,
    /// Names of the table that it takes away.
    pub removed: Vec<String>,
    /// Entry points that it swaps.
    pub redirects: Vec<(String, String)>,
}

/// An entry point's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prototype {
    /// The entry point.
    pub entry: String,
    /// C type and name of each argument.
    pub args: Vec<(String, String)>,
    /// The file that defines it.
    pub source: String,
    /// The preprocessor condition that it stands under.
    pub condition: Option<String>,
}

/// A call that an ABI never had.
#[derive(Clone, Debug)]
pub struct Absent {
    /// The call.
    pub name: String,
    /// The ABIs without it.
    pub abis: Vec<String>,
    /// The entry point that it has elsewhere.
    pub entry: String,
    /// Why it is absent.
    pub why: String,
    /// What to use instead.
    pub instead: String,
}

/// A named value of the kernel's user-space headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: i64,
    /// The Rust type of the field that takes it.
    pub rust: String,
    /// The kernel file.
    pub source: String,
}

/// One error number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrnoValue {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: u32,
    /// The header's comment.
    pub text: String,
}

/// A call as user space sees it on one ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'t> {
    /// The number that user space loads, base included.
    pub number: u32,
    /// The tag of its row; `None` for a name that only a header defines.
    pub tag: Option<&'t str>,
    /// The call's name.
    pub name: &'t str,
    /// The entry point that the number ends in, redirections followed.
    pub entry: Option<&'t str>,
    /// The compat entry point.
    pub compat: Option<&'t str>,
    /// The call does not return.
    pub noreturn: bool,
}

/// All tables: the ABIs read, the rest read when asked for.
pub struct Tables {
    /// The kernel files of numbers.
    pub sources: Vec<TableSource>,
    /// The ABIs, in the order of `abis.toml`.
    pub abis: Vec<Abi>,
    files: BTreeMap<String, (String, Cow<'static, str>)>,
}

impl Tables {
    /// The tables that this crate was built with.
    pub fn embedded() -> Result<Tables, Error> {
        let embedded = |&(name, text): &(&str, &'static str)| (name.to_owned(), format!("tables/{name}"), text.into());
        Tables::new(aio_tables::FILES.iter().map(embedded))
    }

    /// Tables from `(name, path to show, text)`.
    pub fn new(files: impl IntoIterator<Item = (String, String, Cow<'static, str>)>) -> Result<Tables, Error> {
        let files: BTreeMap<_, _> = files.into_iter().map(|(name, path, text)| (name, (path, text))).collect();
        let mut tables = Tables { sources: Vec::new(), abis: Vec::new(), files };
        (tables.sources, tables.abis) = tables.read("abis.toml", |top| {
            top.only(&["table", "abi"])?;
            let sources = top.blocks("table")?.iter().map(table_source).collect::<Result<Vec<_>, _>>()?;
            let abis = top.blocks("abi")?.iter().map(|block| abi(block, &sources)).collect::<Result<_, _>>()?;
            Ok((sources, abis))
        })?;
        Ok(tables)
    }

    /// The ABI of that name.
    pub fn abi(&self, name: &str) -> Option<&Abi> {
        self.abis.iter().find(|abi| abi.name == name)
    }

    /// The ABI for a Rust target: its `target_arch` and its pointer width.
    pub fn abi_for_target(&self, arch: &str, pointer_width: &str) -> Option<&Abi> {
        self.abis.iter().find(|abi| abi.rust.iter().any(|a| a == arch) && abi.bits.to_string() == pointer_width)
    }

    /// Whether the imported table is there.
    pub fn has_table(&self, name: &str) -> bool {
        self.files.contains_key(&format!("{name}.toml"))
    }

    /// An imported table.
    pub fn table(&self, name: &str) -> Result<KernelTable, Error> {
        self.read(&format!("{name}.toml"), |top| {
            top.only(&["linux", "source", "sha256", "extra", "syscalls"])?;
            Ok(KernelTable {
                linux: top.string("linux")?,
                source: top.string("source")?,
                sha256: top.string("sha256")?,
                extras: top.blocks("extra")?.iter().map(extra).collect::<Result<_, _>>()?,
                rows: top.blocks("syscalls")?.iter().map(row).collect::<Result<_, _>>()?,
            })
        })
    }

    /// The entry points' arguments.
    pub fn prototypes(&self) -> Result<Vec<Prototype>, Error> {
        self.read("prototypes.toml", |top| {
            top.only(&["linux", "prototypes"])?;
            top.blocks("prototypes")?.iter().map(prototype).collect()
        })
    }

    /// The calls that an ABI never had.
    pub fn absent(&self) -> Result<Vec<Absent>, Error> {
        self.read("absent.toml", |top| {
            top.only(&["absent"])?;
            top.blocks("absent")?.iter().map(|block| self.absence(block)).collect()
        })
    }

    /// Constants of the kernel's user-space headers.
    pub fn constants(&self) -> Result<Vec<Constant>, Error> {
        self.read("uapi.toml", |top| {
            top.only(&["linux", "header"])?;
            let mut constants = Vec::new();
            for header in top.blocks("header")? {
                header.only(&["source", "sha256", "constants"])?;
                let source = header.string("source")?;
                for block in header.blocks("constants")? {
                    block.only(&["name", "value", "rust"])?;
                    let (name, value, rust) = (block.string("name")?, block.number("value")?, block.string("rust")?);
                    constants.push(Constant { name, value, rust, source: source.clone() });
                }
            }
            Ok(constants)
        })
    }

    /// The error numbers of a kernel architecture.
    pub fn errnos(&self, arch: &str) -> Result<Vec<ErrnoValue>, Error> {
        self.read("errno.toml", |top| {
            top.only(&["linux", "set"])?;
            for set in top.blocks("set")? {
                set.only(&["archs", "source", "sha256", "errnos"])?;
                if set.strings("archs")?.iter().any(|a| a == arch) {
                    let read = |block: &Block<'_>| {
                        block.only(&["value", "name", "text"])?;
                        let (name, value, text) =
                            (block.string("name")?, block.number("value")?, block.string("text")?);
                        Ok(ErrnoValue { name, value, text })
                    };
                    return set.blocks("errnos")?.iter().map(read).collect();
                }
            }
            Err(top.error(format!("no set of error numbers for arch/{arch}; import the tables again")))
        })
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&Block<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let (path, text) = self
            .files
            .get(name)
            .ok_or_else(|| Error::new(name, 0, "there is no such table; `cargo codegen import` writes it"))?;
        document::parse(path, text, read)
    }

    fn absence(&self, block: &Block<'_>) -> Result<Absent, Error> {
        block.only(&["name", "abis", "entry", "why", "instead"])?;
        let abis = block.strings("abis")?;
        if let Some(unknown) = abis.iter().find(|name| self.abi(name).is_none()) {
            return Err(block.error(format!("`{unknown}` is no ABI of abis.toml")));
        }
        Ok(Absent {
            name: block.string("name")?,
            abis,
            entry: block.string("entry")?,
            why: block.string("why")?,
            instead: block.string("instead")?,
        })
    }
}

impl Abi {
    /// The calls of this ABI: the table's rows by number, then the names that only headers define, by number.
    pub fn calls<'t>(&self, table: &'t KernelTable) -> Vec<Call<'t>> {
        let extras: Vec<&Extra> = table.extras.iter().filter(|extra| extra.abis.contains(&self.name)).collect();
        let redirect = |entry: &'t str| -> &'t str {
            let swapped = extras.iter().flat_map(|extra| &extra.redirects).find(|(from, _)| from == entry);
            swapped.map_or(entry, |(_, to)| to)
        };
        let mut names: Vec<(u32, &str)> =
            extras.iter().flat_map(|extra| &extra.names).map(|(nr, name)| (*nr, name.as_str())).collect();
        let mut calls = Vec::new();
        for row in table.rows.iter().filter(|row| self.takes(&row.tag)) {
            let mut name = row.name.as_str();
            if extras.iter().any(|extra| extra.removed.contains(&row.name)) {
                // The header took the name away; the name that it gives the number takes its place.
                let Some(at) = names.iter().position(|(nr, _)| *nr == row.nr) else { continue };
                name = names.remove(at).1;
            }
            calls.push(Call {
                number: self.base.wrapping_add(row.nr),
                tag: Some(&row.tag),
                name,
                entry: row.entry.as_deref().map(redirect),
                compat: row.compat.as_deref(),
                noreturn: row.noreturn,
            });
        }
        calls.sort_by_key(|call| call.number);
        names.sort();
        for (nr, name) in names {
            let number = self.base.wrapping_add(nr);
            let same = calls.iter().find(|call| call.number == number).cloned();
            let other = Call { number, tag: None, name, entry: None, compat: None, noreturn: false };
            calls.push(same.map_or(other, |call| Call { tag: None, name, ..call }));
        }
        calls
    }

    /// Whether rows with this tag belong to the ABI.
    pub fn takes(&self, tag: &str) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|t| t == tag)
    }
}

const ABI_KEYS: &[&str] = &[
    "name",
    "arch",
    "table",
    "tags",
    "base",
    "base_macro",
    "header",
    "uapi",
    "predefined",
    "redirects",
    "bits",
    "sigset",
    "rust",
    "call",
];

const CALL_KEYS: &[&str] = &[
    "instruction",
    "number",
    "arguments",
    "result",
    "failure",
    "destroyed",
    "flags",
    "pairs",
    "unnameable",
    "save",
    "load",
    "restore",
];

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn table_source(block: &Block<'_>) -> Result<TableSource, Error> {
    block.only(&["name", "source", "makefile", "frozen"])?;
    Ok(TableSource {
        name: block.string("name")?,
        source: block.string("source")?,
        makefile: block.string("makefile")?,
        frozen: non_empty(block.string("frozen")?),
    })
}

fn abi(block: &Block<'_>, sources: &[TableSource]) -> Result<Abi, Error> {
    block.only(ABI_KEYS)?;
    let table = block.string("table")?;
    if !sources.iter().any(|source| source.name == table) {
        return Err(block.error(format!("`{table}` is no [[table]] of this file; add one")));
    }
    let bits = block.number("bits")?;
    if ![32, 64].contains(&bits) {
        return Err(block.error("`bits` must be 32 or 64"));
    }
    Ok(Abi {
        name: block.string("name")?,
        arch: block.string("arch")?,
        table,
        tags: block.strings("tags")?,
        base: block.number("base")?,
        base_macro: non_empty(block.string("base_macro")?),
        header: block.string("header")?,
        uapi: block.flag("uapi")?,
        predefined: block.strings("predefined")?,
        redirects: non_empty(block.string("redirects")?),
        bits,
        sigset: block.number("sigset")?,
        rust: block.strings("rust")?,
        call: block.optional_block("call")?.map(|block| convention(&block)).transpose()?,
    })
}

/// One of a closed set of words.
fn word<T: Copy>(block: &Block<'_>, key: &str, words: &[(&str, T)]) -> Result<T, Error> {
    let text = block.string(key)?;
    let known: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let wrong = || block.error(format!("`{key}` is \"{text}\", and can only be {}", known.join(" or ")));
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(wrong)
}

fn convention(block: &Block<'_>) -> Result<Convention, Error> {
    block.only(CALL_KEYS)?;
    word(block, "failure", &[("negative", ())])?;
    let destroyed = |block: &Block<'_>| {
        block.only(&["register", "why", "source"])?;
        Ok(Destroyed {
            register: block.string("register")?,
            why: block.string("why")?,
            source: block.string("source")?,
        })
    };
    let pairs = [("whole", Pairs::Whole), ("consecutive", Pairs::Consecutive), ("even", Pairs::Even)];
    Ok(Convention {
        instruction: block.string("instruction")?,
        number: block.string("number")?,
        arguments: block.strings("arguments")?,
        result: block.string("result")?,
        destroyed: block.blocks("destroyed")?.iter().map(destroyed).collect::<Result<_, Error>>()?,
        flags_kept: word(block, "flags", &[("kept", true), ("destroyed", false)])?,
        pairs: word(block, "pairs", &pairs)?,
        unnameable: block.strings("unnameable")?,
        save: block.string("save")?,
        load: block.string("load")?,
        restore: block.string("restore")?,
    })
}

fn row(block: &Block<'_>) -> Result<Row, Error> {
    block.only(&["nr", "tag", "name", "entry", "compat", "noreturn"])?;
    Ok(Row {
        nr: block.number("nr")?,
        tag: block.string("tag")?,
        name: block.string("name")?,
        entry: block.optional_string("entry")?,
        compat: block.optional_string("compat")?,
        noreturn: block.flag("noreturn")?,
    })
}

fn extra(block: &Block<'_>) -> Result<Extra, Error> {
    block.only(&["abis", "source", "sha256", "names", "removed", "redirects"])?;
    let name = |block: &Block<'_>| {
        block.only(&["nr", "name"])?;
        Ok((block.number("nr")?, block.string("name")?))
    };
    let redirect = |block: &Block<'_>| {
        block.only(&["entry", "to"])?;
        Ok((block.string("entry")?, block.string("to")?))
    };
    Ok(Extra {
        abis: block.strings("abis")?,
        source: block.string("source")?,
        sha256: block.string("sha256")?,
        names: block.blocks("names")?.iter().map(name).collect::<Result<_, Error>>()?,
        removed: block.strings("removed")?,
        redirects: block.blocks("redirects")?.iter().map(redirect).collect::<Result<_, Error>>()?,
    })
}

fn prototype(block: &Block<'_>) -> Result<Prototype, Error> {
    block.only(&["entry", "args", "source", "condition"])?;
    let split = |arg: String| match arg.rsplit_once(' ') {
        Some((ctype, name)) => Ok((ctype.to_owned(), name.to_owned())),
        None => Err(block.error(format!("`{arg}` is no argument: a C type, a blank and a name are wanted"))),
    };
    Ok(Prototype {
        entry: block.string("entry")?,
        args: block.strings("args")?.into_iter().map(split).collect::<Result<_, _>>()?,
        source: block.string("source")?,
        condition: block.optional_string("condition")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks_of(key: &str, inner: Option<&str>) -> Vec<Vec<String>> {
        let (_, text) = aio_tables::FILES.iter().find(|(name, _)| *name == "abis.toml").unwrap();
        document::parse("abis.toml", text, |top| {
            let blocks = top.blocks(key)?;
            Ok(match inner {
                None => blocks.iter().map(Block::keys).collect(),
                Some(inner) => {
                    blocks.iter().filter_map(|b| b.optional_block(inner).unwrap()).map(|b| b.keys()).collect()
                }
            })
        })
        .unwrap()
    }

    #[test]
    fn every_abi_has_the_same_keys_in_the_same_order() {
        let numbering = &ABI_KEYS[..ABI_KEYS.len() - 1];
        let abis = blocks_of("abi", None);
        assert!(abis.len() > 30);
        for keys in abis {
            assert_eq!(keys.iter().filter(|key| *key != "call").collect::<Vec<_>>(), numbering);
        }
        let calls = blocks_of("abi", Some("call"));
        assert!(calls.len() >= 2);
        for keys in calls {
            assert_eq!(keys, CALL_KEYS);
        }
    }

    #[test]
    fn no_two_abis_claim_one_rust_target() {
        let tables = Tables::embedded().unwrap();
        for abi in &tables.abis {
            for arch in &abi.rust {
                assert_eq!(tables.abi_for_target(arch, &abi.bits.to_string()).unwrap().name, abi.name);
            }
        }
    }

    #[test]
    fn mistakes_in_a_table_are_sentences_with_a_line() {
        let table = |text: &str| {
            let mut files: Vec<_> = aio_tables::FILES
                .iter()
                .map(|&(name, text)| (name.to_owned(), name.to_owned(), Cow::from(text)))
                .collect();
            files.retain(|(name, ..)| name != "sh.toml");
            files.push(("sh.toml".into(), "sh.toml".into(), text.to_owned().into()));
            Tables::new(files).unwrap().table("sh").unwrap_err().to_string()
        };
        let head = "linux = \"1\"\nsource = \"s\"\nsha256 = \"x\"\n";
        assert_eq!(
            table(&format!("{head}syscalls = [\n  {{ nr = 1, tag = \"a\", nmae = \"exit\" }},\n]\n")),
            "sh.toml:5: unknown key `nmae`; the keys here are nr, tag, name, entry, compat, noreturn"
        );
        assert_eq!(
            table(&format!("{head}syscalls = [\n  {{ nr = -1, tag = \"a\", name = \"exit\" }},\n]\n")),
            "sh.toml:5: `nr` must be a whole number in range, and is an integer"
        );
        assert_eq!(
            table(&format!("{head}syscalls = [\n  {{ nr = 1, name = \"exit\" }},\n]\n")),
            "sh.toml:5: the key `tag` is missing"
        );
        assert!(table("linux = ").starts_with("sh.toml:1: not valid TOML: "));
    }
}
