//! Headers as a C compiler reads them for an ABI: the search path, and the predefined macros.

pub(super) mod constants;
pub(super) mod installed;
pub(super) mod names;
pub(super) mod numbers;

use super::c::{Line, Unit, Unsure};
use super::findings::{Findings, Kind};
use crate::Error;
use crate::source::{CONFLICT, Doubt, Source, is_conflict};
use crate::tables::Abi;
use crate::version::Version;
use std::sync::Arc;

/// The search path of `#include <…>`.
#[derive(Clone)]
pub(super) struct SearchPath<'s> {
    pub(super) source: &'s Source,
    /// The directory of `arch/` that the headers are for; empty for installed ones.
    pub(super) arch: &'s str,
    /// Prefixes of names and the directory with the rest of the path, in order.
    places: Vec<(&'static str, String)>,
}

/// Directories of `arch/` that were merged into others since: ABI and directory. Linux up to
/// 2.6.28.
const FORMERLY: &[(&str, &str)] = &[
    ("x86_64", "x86_64"),
    ("i386", "i386"),
    ("powerpc64", "ppc64"),
    ("powerpc32", "ppc"),
    ("sparc64", "sparc64"),
];

/// Whether the headers for user space are separate, as they are since Linux 3.7. Older kernels may
/// have some that a vendor took from a newer one, such as `include/uapi/drm`.
pub(super) fn has_uapi(source: &Source) -> bool {
    source.is_directory("include/uapi/asm-generic")
}

impl<'s> SearchPath<'s> {
    /// The user-space headers of a kernel tree: below `include/uapi` since Linux 3.7 (some
    /// architectures since 3.8), before that among the kernel's own, and up to 2.6.30 in
    /// `include/asm-ARCH`.
    pub(super) fn of_tree(source: &'s Source, abi: &'s Abi) -> SearchPath<'s> {
        let formerly = FORMERLY.iter().find(|(name, arch)| {
            // Its numbers may be lost; every architecture has error numbers, too.
            let has = |header: &str| source.is_file(&format!("include/asm-{arch}/{header}"));
            let has_errno = || source.is_directory(&format!("arch/{arch}")) && has("errno.h");
            *name == abi.name && (has("unistd.h") || has_errno())
        });
        let arch = formerly.map_or(abi.arch.as_str(), |(_, arch)| arch);
        let (uapi, mixed) = (format!("arch/{arch}/include/uapi/"), format!("arch/{arch}/include/"));
        let old = format!("include/asm-{arch}/");
        let unistd = |directory: &str| format!("{directory}asm/unistd.h");
        // A kernel-internal header includes that of user space.
        let for_both = |path: String| {
            source.is_file(&path)
                && source.text(&path).is_ok_and(|text| !text.contains("uapi/asm/unistd.h"))
        };
        // The directory of a header that is lost.
        let has_uapi = has_uapi(source) || source.exists(&unistd(&uapi));
        let mut shared = ["include/", "include/uapi/"].map(|directory| ("", directory.to_owned()));
        if has_uapi {
            shared.reverse();
        }
        let had_old = !has_uapi && source.is_directory(&old) && !source.is_directory(&mixed);
        let is_mixed = !source.exists(&unistd(&uapi)) && for_both(unistd(&mixed));
        let is_old = formerly.is_some() || source.is_file(&format!("{old}unistd.h")) || had_old;
        let places = if is_mixed || !has_uapi && !is_old {
            [("", mixed)].into_iter().chain(shared).collect()
        } else if is_old {
            [("asm/", old)].into_iter().chain(shared).collect()
        } else {
            vec![("", uapi), ("", "include/uapi/".to_owned())]
        };
        SearchPath { source, arch, places }
    }

    /// Installed headers.
    pub(super) fn installed(source: &'s Source) -> SearchPath<'s> {
        SearchPath { source, arch: "", places: vec![("", String::new())] }
    }

    /// The candidate paths of a name, best first. In a kernel tree, a header `asm/x.h` that is in
    /// no directory is the generic one. Installed headers are complete.
    fn paths(&self, name: &str) -> Vec<String> {
        let name = name.strip_prefix("uapi/").unwrap_or(name);
        let generic = name
            .strip_prefix("asm/")
            .filter(|_| !self.source.is_installed())
            .map(|name| format!("asm-generic/{name}"));
        let names = [Some(name), generic.as_deref()].into_iter().flatten();
        let place = |name: &str, (prefix, directory): &(&str, String)| {
            name.strip_prefix(prefix).map(|rest| format!("{directory}{rest}"))
        };
        names.flat_map(|name| self.places.iter().filter_map(move |at| place(name, at))).collect()
    }

    /// The path of a name, which may be unreadable.
    pub(super) fn find(&self, name: &str) -> Option<String> {
        self.paths(name).into_iter().find(|path| self.source.exists(path))
    }

    /// The path of the architecture's own header, whether it exists or not.
    pub(super) fn own_path(&self, name: &str) -> String {
        self.paths(name).into_iter().next().unwrap_or_default()
    }

    /// The path of the header with the numbers, whether it exists or not. It is the generic one
    /// only if the architecture uses that, as riscv did up to Linux 4.19.
    pub(super) fn unistd(&self) -> String {
        let own = self.own_path("asm/unistd.h");
        let makefile = own.replace("unistd.h", "Kbuild");
        let generic = |line: &str| {
            let mut words = line.split([' ', '\t', '=']);
            words.next() == Some("generic-y") && words.any(|word| word == "unistd.h")
        };
        let borrowed = || self.source.text(&makefile).is_ok_and(|text| text.lines().any(generic));
        // Its additional names are then in the kernel-internal header.
        let kernel = format!("arch/{}/include/asm/unistd.h", self.arch);
        match self.find("asm/unistd.h") {
            Some(found) if found != own && borrowed() => {
                if self.source.is_file(&kernel) {
                    kernel
                } else {
                    found
                }
            }
            _ => own,
        }
    }

    /// The error for an included header that does not exist.
    pub(super) fn missing_header(&self, name: &str, file: &str, line: usize) -> Error {
        let what = format!("includes <{name}>, which does not exist");
        self.source.incomplete_at(file, line, what)
    }

    /// Reports the headers that do not exist. Some are generated when the kernel is built, and
    /// others are of the C library: they are left out, unless something that is `needed` depends on
    /// them.
    pub(super) fn check_missing(
        &self,
        unit: &Unit,
        needed: impl Fn(&str) -> bool,
        findings: &Findings,
    ) -> Result<(), Error> {
        self.check_decided(unit, needed, findings)?;
        let mut known: Vec<&str> = Vec::new();
        for missing in left_out(unit) {
            if known.contains(&missing.text.as_str()) {
                continue;
            }
            known.push(&missing.text);
            let what = format!(
                "includes <{}>, which does not exist, and is left out; if a build or a C library \
                 provides it, copy it to {}",
                missing.text,
                self.place_for(&missing.text)
            );
            findings.judge(Kind::Names, Error::at(&*missing.file, missing.line, what))?;
        }
        Ok(())
    }

    /// Reports the conditions around something `needed` that a header may decide which does not
    /// exist.
    pub(super) fn check_decided(
        &self,
        unit: &Unit,
        needed: impl Fn(&str) -> bool,
        findings: &Findings,
    ) -> Result<(), Error> {
        let Some(first) = left_out(unit).next() else { return Ok(()) };
        for Unsure { at, names, within } in &unit.unsure {
            let Some(name) = names.iter().find(|name| !is_predefined(name)) else { continue };
            let Some(needed) = within.iter().find(|what| needed(what)) else { continue };
            let what = format!(
                "`{needed}` depends on {name}, which is not defined, and <{}> of {}:{} does not \
                 exist; create {}, with a comment alone if it does not define {name}",
                first.text,
                first.file,
                first.line,
                self.place_for(&first.text)
            );
            findings.judge(Kind::Unreadable, Error::at(&*at.file, at.line, what))?;
        }
        Ok(())
    }

    /// The path at which a header would be found.
    fn place_for(&self, name: &str) -> String {
        let paths = self.paths(name);
        let shared = paths.iter().find(|path| !path.starts_with("arch/"));
        let path = if name.starts_with("asm/") { paths.first() } else { shared };
        path.map_or_else(|| name.to_owned(), |path| self.source.name(path))
    }

    /// Preprocesses a header for an ABI with `more` macros; also returns the names of the headers
    /// that it includes. Any of these may be missing. `generated` replaces a header that the kernel
    /// generates while it is built: its name as in `<asm/unistd_64.h>`, and its text.
    pub(super) fn preprocess_for(
        &self,
        abi: &Abi,
        header: &str,
        more: &[(&str, &str)],
        generated: Option<(&str, &str)>,
    ) -> Result<(Unit, Vec<String>), Error> {
        let mut macros = predefined(abi);
        macros.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let is_given = |name: &str| generated.filter(|(generated, _)| *generated == name);
        let found = self.read(header, &macros, false, |name| match is_given(name) {
            Some((_, text)) => Text::Given(text.into()),
            None => Text::File,
        })?;
        // A header that does not recognise the compiler's macro would use another ABI's numbers.
        match found.0.value("__BITS_PER_LONG")? {
            Some(bits) if bits != i64::from(abi.bits) => {
                let what = format!(
                    "defines a long of {bits} bits for {}, which has {}; add what its compiler \
                     predefines to `predefined` in abis.toml",
                    abi.name, abi.bits
                );
                Err(self.source.wrong(header, what))
            }
            _ => Ok(found),
        }
    }

    /// Preprocesses a header for an ABI as the kernel's table does that includes it, with `more`
    /// macros. Of the kernel's own headers, those are read that user space `included`, too: the
    /// others have no numbers.
    pub(super) fn preprocess_for_table(
        &self,
        abi: &Abi,
        header: &str,
        more: &[(&str, &str)],
        included: &[String],
    ) -> Result<Unit, Error> {
        let mut macros = predefined(abi);
        let kernel = [("__KERNEL__", "1")];
        let more = kernel.iter().chain(more);
        macros.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let is_read =
            |name: &str| name.contains("unistd") || included.iter().any(|known| known == name);
        let text = |name: &str| if is_read(name) { Text::File } else { Text::Missing };
        Ok(self.read(header, &macros, false, text)?.0)
    }

    /// Preprocesses a header; also returns the names of the headers that it includes. No
    /// architecture-specific header may be missing: its definitions would get another value.
    pub(super) fn preprocess(
        &self,
        header: &str,
        predefined: &[(String, String)],
    ) -> Result<(Unit, Vec<String>), Error> {
        self.read(header, predefined, true, |_| Text::File)
    }

    /// The same; `text` returns where the text of an included header is. Without `complete`, any
    /// header may be missing.
    fn read(
        &self,
        header: &str,
        predefined: &[(String, String)],
        complete: bool,
        text: impl Fn(&str) -> Text,
    ) -> Result<(Unit, Vec<String>), Error> {
        let top = self.source.text(header)?;
        let mut included = Vec::new();
        let include = |name: &str, (from, line): (&str, usize)| {
            match text(name) {
                Text::Given(text) => return Ok(Some((name.to_owned(), text))),
                Text::Missing => return Ok(None),
                Text::File => {}
            }
            // In quotes, a name is first looked up in the directory of the including file.
            let beside = || {
                let (directory, _) = self.source.path(from).rsplit_once('/')?;
                Some(format!("{directory}/{name}")).filter(|path| self.source.exists(path))
            };
            match self.find(name).or_else(beside) {
                Some(path) => {
                    included.push(name.to_owned());
                    let text = self.source.text(&path)?;
                    if text.is_empty() {
                        return Err(self.source.incomplete(&path, Doubt::Missing, "is empty"));
                    }
                    Ok(Some((self.source.name(&path), text)))
                }
                // A C file of the kernel includes headers that are not installed.
                None if complete
                    && name.starts_with("asm")
                    && !name.starts_with("asm/unistd")
                    && !from.ends_with(".c") =>
                {
                    Err(self.missing_header(name, from, line))
                }
                None if is_version(name) && !self.source.is_installed() => {
                    included.push(name.to_owned());
                    Ok(Some((name.to_owned(), version_header(&self.source.version()?).into())))
                }
                None => Ok(None),
            }
        };
        let unit = Unit::preprocess(&self.source.name(header), &top, predefined, include)?;
        if let Some(line) = unit.lines.iter().find(|line| is_conflict(&line.text)) {
            return Err(Error::at(&*line.file, line.line, CONFLICT));
        }
        // Without it, every word has 0 bits.
        let defined = unit.macros().iter().any(|found| found.name == "__BITS_PER_LONG");
        match self
            .find("asm/bitsperlong.h")
            .filter(|_| included.iter().any(|name| name == "asm/bitsperlong.h"))
        {
            Some(path) if !defined => {
                let what = "does not define __BITS_PER_LONG";
                Err(self.source.incomplete(&path, Doubt::Missing, what))
            }
            _ => Ok((unit, included)),
        }
    }
}

/// Where the text of an included header is.
enum Text {
    File,
    Given(Arc<str>),
    Missing,
}

/// The headers that do not exist, besides the configuration, which contains no number, and headers
/// that the kernel generates from a table.
fn left_out(unit: &Unit) -> impl Iterator<Item = &Line> {
    let other = |missing: &&Line| {
        missing.text != "linux/autoconf.h" && !missing.text.starts_with("asm/unistd")
    };
    unit.missing.iter().filter(other)
}

/// Whether a header contains the kernel's version; a kernel build writes it from the Makefile.
fn is_version(name: &str) -> bool {
    ["linux/version.h", "generated/uapi/linux/version.h"].contains(&name)
}

/// The content of that header.
fn version_header(linux: &Version) -> String {
    let mut numbers = linux.as_str().split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let [version, patchlevel, sublevel] = [(); 3].map(|()| numbers.next().unwrap_or(0));
    let code = (version << 16) + (patchlevel << 8) + sublevel.min(255);
    format!(
        "#define LINUX_VERSION_CODE {code}\n\
         #define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))\n\
         #define LINUX_VERSION_MAJOR {version}\n\
         #define LINUX_VERSION_PATCHLEVEL {patchlevel}\n\
         #define LINUX_VERSION_SUBLEVEL {sublevel}\n"
    )
}

/// Whether a compiler or a build defines a macro, and no header: `__x__`, and the configuration.
fn is_predefined(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__")
        || name == "__cplusplus"
        || name.starts_with("CONFIG_")
}

/// The compiler macros for the ABI that these headers check. Some of mips, up to Linux 4.20, check
/// whether the compiler is for Linux.
fn predefined(abi: &Abi) -> Vec<(String, String)> {
    let bytes = (abi.bits / 8).to_string();
    // GCC's macro for the width on LoongArch, which headers before mainline check.
    let long = abi.bits.to_string();
    let words = [
        ("__linux__", "1"),
        ("_LOONGARCH_SZLONG", &long),
        ("__CHAR_BIT__", "8"),
        ("__SIZEOF_LONG__", &bytes),
        ("__SIZEOF_POINTER__", &bytes),
    ];
    let width = (abi.bits == 64).then_some(("__LP64__", "1"));
    let own = abi.predefined.iter().map(|text| text.split_once('=').unwrap_or((text, "1")));
    words
        .into_iter()
        .chain(width)
        .chain(own)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
