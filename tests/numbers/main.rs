//! The numbers of calls and errors against those that other crates have, and against the C
//! compiler's headers.
//!
//! Where a crate and the tables disagree is listed with reasons in `oracles/CRATE.txt`. A line is
//! an ABI, a call, and the crate's number, or `-` for a call that its kernel has and the crate does
//! not have, or `later` for one that the ABI got after the crate's kernel, which is not an error of
//! the crate. For an error it is an architecture, the error's name, and the crate's number. A
//! disagreement that the list does not have fails, and so does a line that is no longer true.

mod abis;
mod history;
mod layouts;
mod libc;
mod linux_raw_sys;
mod names;
mod sets;
mod syscalls;

use aio_codegen::Tables;
use aio_tests::{CCompiler, package_source, root, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

/// A crate with numbers, read as text.
struct Oracle {
    /// As its package and its list are called.
    name: &'static str,
    /// What a file with numbers of calls contains.
    mark: &'static str,
    /// The ABIs that it has, and the end of the path of a file for each.
    files: &'static [(&'static str, &'static str)],
    /// Reads such a file in the package's source.
    read: fn(&Path, &str) -> Numbers,
    /// All its numbers come from one kernel. So a call that it has on one ABI, and on another
    /// neither under its name nor under its number, is missing there.
    one_kernel: bool,
}

/// What a crate has for an ABI.
struct Numbers {
    calls: Vec<(String, i64)>,
    errors: Vec<(String, i64)>,
}

/// An ABI, a call, and its number or `None` where the crate does not have it; or an architecture,
/// an error, and its number.
type Claim = (String, String, Option<i64>);

/// Our numbers: of the calls by ABI, of the errors by architecture. What has the name of both has
/// both; the names of calls are in small letters, those of errors in capitals.
static OURS: LazyLock<BTreeMap<String, BTreeMap<String, i64>>> = LazyLock::new(|| {
    let tables = Tables::embedded().unwrap();
    let mut ours: BTreeMap<String, BTreeMap<_, _>> = BTreeMap::new();
    for abi in &tables.abis {
        let table = tables.table(&abi.table).unwrap();
        let calls =
            abi.calls(table).into_iter().map(|call| (call.name.to_owned(), i64::from(call.number)));
        ours.entry(abi.name.clone()).or_default().extend(calls);
        // ia64 has left the kernel that the error numbers are from.
        let errors = tables.errnos(&abi.arch).unwrap_or_default();
        let errors = errors.iter().map(|error| (error.name.clone(), i64::from(error.value)));
        ours.entry(abi.arch.clone()).or_default().extend(errors);
    }
    ours
});

fn is_error(name: &str) -> bool {
    name.starts_with('E')
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Oracle {
    /// All that it has, and what it does not have.
    fn claims(&self) -> BTreeSet<Claim> {
        let tables = Tables::embedded().unwrap();
        let source = package_source(self.name);
        let files: Vec<_> =
            self.files.iter().map(|(abi, file)| (*abi, (self.read)(&source, file))).collect();
        let names: BTreeSet<_> =
            files.iter().flat_map(|(_, theirs)| &theirs.calls).map(|(name, _)| name).collect();
        let mut claims = BTreeSet::new();
        for (abi, Numbers { calls, errors }) in &files {
            assert!(
                calls.len() > 250,
                "{}: only {} calls of {abi} were read",
                self.name,
                calls.len()
            );
            let of = |place: &str| {
                let place = place.to_owned();
                move |(name, number): &(String, i64)| (place.clone(), name.clone(), Some(*number))
            };
            claims.extend(calls.iter().map(of(abi)));
            claims.extend(errors.iter().map(of(&tables.abi(abi).unwrap().arch)));
            if self.one_kernel {
                let here = |call: &(&String, &i64)| {
                    calls.iter().any(|(name, nr)| name == call.0 || nr == call.1)
                };
                let missing =
                    OURS[*abi].iter().filter(|call| names.contains(call.0) && !here(call));
                claims.extend(missing.map(|(name, _)| (abi.to_string(), name.clone(), None)));
            }
        }
        claims
    }

    /// No file of the package that has numbers is forgotten.
    fn is_read_as_a_whole(&self) {
        fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(&package_source(self.name).join("src"), &mut found);
        found.retain(|path| text(path).contains(self.mark));
        found.retain(|path| !self.files.iter().any(|(_, file)| path.ends_with(file)));
        assert!(
            found.is_empty(),
            "files of {} that are compared with no ABI: {found:#?}",
            self.name
        );
    }

    /// The lines of its list, and whether each is an error of the crate.
    fn known(&self) -> BTreeMap<Claim, bool> {
        let file = format!("tests/oracles/{}.txt", self.name);
        let list = text(&root().join(&file));
        let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let claim = |line: &str| {
            let [place, name, number] = line.split(' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            let (number, error) = match number {
                "-" => (None, true),
                "later" => (None, false),
                number => (Some(number.parse().ok()?), true),
            };
            OURS.contains_key(place).then(|| ((place.to_owned(), name.to_owned(), number), error))
        };
        let refuse = |line| panic!("{file}: `{line}`: expected ABI, call, number, `-` or `later`");
        lines.map(|line| claim(line).unwrap_or_else(|| refuse(line))).collect()
    }

    fn agrees_but_for_its_known_errors(&self) {
        self.is_read_as_a_whole();
        let known = self.known();
        let mut found = self.claims();
        found.retain(|(place, name, number)| {
            number.is_none() || OURS[place].get(name) != number.as_ref()
        });
        let line = |(place, name, number): &Claim| {
            let theirs = number.map_or("-".to_owned(), |number| number.to_string());
            let ours = OURS[place].get(name).map_or("none".to_owned(), |number| number.to_string());
            format!("{place} {name} {theirs}    (ours: {ours})\n")
        };
        let new: Vec<_> =
            found.iter().filter(|claim| !known.contains_key(claim)).map(line).collect();
        assert!(new.is_empty(), "{} disagrees in {}:\n{}", self.name, new.len(), new.concat());
        let mended: Vec<_> =
            known.keys().filter(|claim| !found.contains(claim)).map(line).collect();
        assert!(mended.is_empty(), "no longer true of {}:\n{}", self.name, mended.concat());
    }

    /// Its line of the table in docs/testing.md.
    fn figures(&self) -> String {
        let package = package_source(self.name);
        let (name, version) =
            package.file_name().unwrap().to_str().unwrap().rsplit_once('-').unwrap();
        let abis: BTreeSet<_> = self.files.iter().map(|(abi, _)| abi).collect();
        let claims = self.claims();
        let (errors, calls): (Vec<_>, Vec<_>) = claims
            .iter()
            .filter(|(.., number)| number.is_some())
            .partition(|(_, name, _)| is_error(name));
        let (mut wrong, mut no_call, mut missing, mut wrong_errors) = (0, 0, 0, 0);
        for (abi, name, number) in
            self.known().into_iter().filter_map(|(claim, error)| error.then_some(claim))
        {
            let counter = match number {
                None => &mut missing,
                Some(_) if is_error(&name) => &mut wrong_errors,
                Some(_) if OURS[&abi].contains_key(&name) => &mut wrong,
                Some(_) => &mut no_call,
            };
            *counter += 1;
        }
        let missing = if self.one_kernel { missing.to_string() } else { "–".to_owned() };
        let (abis, calls, errors) = (abis.len(), calls.len(), errors.len());
        let link = format!("[`{name}`](../tests/oracles/{name}.txt) {version}");
        format!(
            "| {link} | {abis} | {calls} | {wrong} | {no_call} | {missing} | {errors} | \
             {wrong_errors} |\n"
        )
    }
}

#[test]
fn libc_agrees_but_for_its_known_errors() {
    libc::LIBC.agrees_but_for_its_known_errors();
}

#[test]
fn linux_raw_sys_agrees_but_for_its_known_errors() {
    linux_raw_sys::LINUX_RAW_SYS.agrees_but_for_its_known_errors();
}

#[test]
fn syscalls_agrees_but_for_its_known_errors() {
    syscalls::SYSCALLS.agrees_but_for_its_known_errors();
}

#[test]
fn the_documentation_has_the_figures() {
    let mut table =
        "| crate | ABIs | calls | wrong number | no such call | missing | errno values | wrong |\n"
            .to_owned();
    let _ = writeln!(table, "|---|{}", "--:|".repeat(7));
    for oracle in [libc::LIBC, linux_raw_sys::LINUX_RAW_SYS, syscalls::SYSCALLS] {
        table += &oracle.figures();
    }
    let page = text(&root().join("docs/testing.md"));
    let (begin, end) = (
        "<!-- Figures: written by `AIO_BLESS=1 cargo test -p aio-tests --test numbers` -->\n",
        "<!-- end of figures -->",
    );
    let (head, rest) =
        page.split_once(begin).expect("docs/testing.md has the line above the figures");
    let (_, tail) = rest.split_once(end).expect("docs/testing.md has the line below the figures");
    let expected = format!("{head}{begin}{table}{end}{tail}");
    if env::var_os("AIO_BLESS").is_some() {
        fs::write(root().join("docs/testing.md"), expected).unwrap();
    } else {
        assert!(
            page == expected,
            "docs/testing.md should have the figures\n{table}and AIO_BLESS=1 writes them"
        );
    }
}

/// The constants that this crate was compiled with are the tables' own.
#[test]
fn the_compiled_numbers_are_libc_s_own() {
    for (ours, theirs) in [
        (aio_sys::nr::SYS_io_setup, ::libc::SYS_io_setup),
        (aio_sys::nr::SYS_io_destroy, ::libc::SYS_io_destroy),
        (aio_sys::nr::SYS_io_submit, ::libc::SYS_io_submit),
        (aio_sys::nr::SYS_io_cancel, ::libc::SYS_io_cancel),
        (aio_sys::nr::SYS_io_getevents, ::libc::SYS_io_getevents),
        (aio_sys::nr::SYS_openat2, ::libc::SYS_openat2),
        (aio_sys::nr::SYS_mseal, ::libc::SYS_mseal),
    ] {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn the_c_compiler_s_asm_unistd_h_agrees() {
    let Some(cc) = CCompiler::find() else { return skip("asm/unistd.h", "no C compiler") };
    for (abi, word) in [("x86_64", "-m64"), ("i386", "-m32")] {
        let macros = match cc.run(&[word, "-E", "-dM"], "#include <asm/unistd.h>\n") {
            Ok(macros) => macros,
            Err(why) => {
                skip(&format!("asm/unistd.h of {abi}"), &why);
                continue;
            }
        };
        let ours = &OURS[abi];
        let mut compared = 0;
        for line in macros.lines() {
            let Some((name, value)) =
                line.strip_prefix("#define __NR_").and_then(|rest| rest.split_once(' '))
            else {
                continue;
            };
            assert_eq!(ours.get(name).map(i64::to_string).as_deref(), Some(value), "{abi}: {name}");
            compared += 1;
        }
        assert!(compared > 330, "{abi}: only {compared} numbers in asm/unistd.h");
    }
}
