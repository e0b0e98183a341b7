//! Headers that a distribution or `make headers_install` put somewhere for user space: numbers and
//! names, no entry points.

use super::SearchPath;
use super::names::further;
use crate::Error;
use crate::import::c::Line;
use crate::import::findings::{Findings, Kind};
use crate::import::tree::exists;
use crate::import::{Claims, add, merged, unistd};
use crate::source::{Doubt, Source};
use crate::tables::{Abi, KernelTable, TableSource, Tables};
use crate::version::Version;
use std::path::Path;

/// Prefixes of a compiler's names for a CPU that are not prefixes of the kernel's name.
const PROCESSORS: &[(&str, &str)] = &[
    ("aarch64", "arm64"),
    ("hppa", "parisc"),
    ("i386", "x86"),
    ("i486", "x86"),
    ("i586", "x86"),
    ("i686", "x86"),
    ("or1k", "openrisc"),
    ("ppc", "powerpc"),
    ("x86_64", "x86"),
];

/// Installed headers, with their architecture and kernel.
pub(in crate::import) struct Installed<'s> {
    pub(in crate::import) source: &'s Source,
    /// Their directory in the kernel's `arch/`.
    pub(in crate::import) arch: String,
    /// Their kernel version.
    pub(in crate::import) linux: Version,
    /// Their search path.
    pub(in crate::import) headers: SearchPath<'s>,
}

impl<'s> Installed<'s> {
    /// Finds the architecture and the kernel.
    pub(in crate::import) fn new(
        source: &'s Source,
        claims: &Claims,
        facts: &Tables,
    ) -> Result<Installed<'s>, Error> {
        let wrong = |what: String| Error::in_file(source.shown(), what);
        let found = source.places().iter().find_map(|place| arch_of(place, facts));
        let arch = match (&claims.arch, found) {
            (Some(arch), Some(found)) if *arch != found => {
                return Err(wrong(format!(
                    "the path is of headers for {found}, but --arch is {arch}"
                )));
            }
            (Some(arch), _) => arch.to_owned(),
            (None, Some(found)) => found,
            (None, None) => {
                let what = "the path does not show the architecture of these headers; pass --arch \
                            ARCH";
                return Err(wrong(what.to_owned()));
            }
        };
        let mut known: Vec<&str> = facts.abis.iter().map(|abi| abi.arch.as_str()).collect();
        known.dedup();
        if !known.contains(&arch.as_str()) {
            let what = format!(
                "`{arch}` is not an architecture of a known ABI; expected one of {}",
                known.join(", ")
            );
            return Err(Error::argument("--arch", what));
        }
        let headers = SearchPath::installed(source);
        let linux = version(&headers, claims.linux.as_ref())?;
        Ok(Installed { source, arch, linux, headers })
    }

    /// One of the tables, for the ABIs that have headers here.
    pub(in crate::import) fn table(
        &self,
        facts: &Tables,
        table: &TableSource,
        findings: &Findings,
    ) -> Result<Option<KernelTable>, Error> {
        let header = "asm/unistd.h";
        let (mut all, mut extras) = (Vec::new(), Vec::new());
        let here = |abi: &&Abi| {
            abi.table == table.name && abi.arch == self.arch && abi.uapi && exists(abi, &self.linux)
        };
        for abi in facts.abis.iter().filter(here) {
            let read = self.headers.preprocess_for(abi, header, &[], None);
            let Some((unit, included)) = findings.accept(Kind::Unreadable, read)? else {
                continue;
            };
            let own = format!("asm/{}", abi.header);
            // A kernel without the ABI has another ABI's header in its place.
            let asked =
                included.contains(&own) || unit.missing.iter().any(|missing| missing.text == own);
            if !asked && included.iter().any(|name| name.starts_with("asm/unistd")) {
                continue;
            }
            let numbers = |missing: &&Line| missing.text.contains("unistd");
            if let Some(missing) = unit.missing.iter().find(numbers) {
                let error = self.headers.missing_header(&missing.text, &missing.file, missing.line);
                findings.judge(Kind::Unreadable, error)?;
            }
            let is_number = |what: &str| unistd::called(what).is_some();
            self.headers.check_missing(&unit, is_number, findings)?;
            let mut numbers =
                unistd::numbers(&unit, None, abi, &self.source.name(header), findings)?;
            if numbers.rows.is_empty() {
                let what = format!("defines no system call of {}", abi.name);
                findings.judge(Kind::Unreadable, self.source.wrong(header, what))?;
            }
            // asm-generic/unistd.h does not show all entry points: a C file of the architecture may
            // swap some.
            for row in &mut numbers.rows {
                (row.entry, row.compat) = (None, None);
            }
            add(&mut extras, further(self.source, abi, numbers.names.clone(), header)?);
            all.push(numbers);
        }
        merged(&self.linux, self.source, &all, extras)
    }
}

/// The architecture that a path names: `uapi/arm64`, or a compiler's triplet, whose first word is
/// the CPU.
fn arch_of(place: &Path, facts: &Tables) -> Option<String> {
    let words: Vec<&str> = place.iter().filter_map(|word| word.to_str()).collect();
    let archs = || facts.abis.iter().map(|abi| abi.arch.as_str());
    if let [.., "uapi", last] = words[..] {
        if let Some(arch) = archs().find(|arch| *arch == last) {
            return Some(arch.to_owned());
        }
    }
    let triplets = words.iter().rev().filter(|word| word.contains("-linux"));
    triplets.filter_map(|triplet| processor(triplet, archs().collect())).next().map(str::to_owned)
}

/// The architecture of a triplet's CPU: `mipsel` is mips, and `arch` is not arc.
fn processor<'f>(triplet: &str, archs: Vec<&'f str>) -> Option<&'f str> {
    let (word, _) = triplet.split_once('-')?;
    if let Some((_, arch)) = PROCESSORS.iter().find(|(begins, _)| word.starts_with(begins)) {
        return Some(arch);
    }
    let variant = |rest: &str| {
        rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || "eivx".contains(c))
    };
    archs.into_iter().find(|arch| word.strip_prefix(arch).is_some_and(variant))
}

/// The kernel version of the headers: from `linux/version.h`, or from the user.
fn version(headers: &SearchPath<'_>, claimed: Option<&Version>) -> Result<Version, Error> {
    match (headers.find("linux/version.h"), claimed) {
        (Some(path), claimed) => {
            let found = version_in(headers, &path)?;
            match claimed {
                Some(claimed) if *claimed != found => {
                    let what = format!("is of Linux {found}, but --linux-version is {claimed}");
                    Err(headers.source.wrong(&path, what))
                }
                _ => Ok(found),
            }
        }
        (None, Some(claimed)) => Ok(claimed.clone()),
        (None, None) => {
            let what = "no linux/version.h here or above shows the kernel of these headers; pass \
                        --linux-version VERSION";
            Err(headers.source.wrong("", what))
        }
    }
}

/// The kernel version of `linux/version.h`; before 5.18 it was a single number.
fn version_in(headers: &SearchPath<'_>, path: &str) -> Result<Version, Error> {
    let (unit, _) = headers.preprocess(path, &[])?;
    let value = |name: &str| unit.value(name).ok().flatten();
    let parts =
        ["MAJOR", "PATCHLEVEL", "SUBLEVEL"].map(|part| value(&format!("LINUX_VERSION_{part}")));
    let code = value("LINUX_VERSION_CODE").map(|code| [code >> 16, code >> 8 & 255, code & 255]);
    match (parts, code) {
        ([Some(version), Some(patchlevel), Some(sublevel)], _)
        | (_, Some([version, patchlevel, sublevel])) => {
            Ok(Version::new(format!("{version}.{patchlevel}.{sublevel}")))
        }
        _ => {
            let what = "does not define LINUX_VERSION_CODE";
            Err(headers.source.incomplete(path, Doubt::Damaged, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triplet_names_an_architecture() {
        let facts = Tables::embedded().unwrap();
        let arch = |path: &str| arch_of(Path::new(path), &facts);
        for (path, expected) in [
            ("/usr/include/x86_64-linux-gnu", "x86"),
            ("/usr/include/i386-linux-gnu", "x86"),
            ("/usr/include/x86_64-linux-gnux32", "x86"),
            ("/usr/aarch64-linux-gnu/include", "arm64"),
            ("/usr/arm-linux-gnueabihf/include", "arm"),
            ("/usr/include/armv7l-unknown-linux-musleabihf", "arm"),
            ("/usr/include/powerpc64le-linux-gnu", "powerpc"),
            ("/usr/include/ppc64-linux-gnu", "powerpc"),
            ("/usr/include/mipsisa64r6el-linux-gnuabi64", "mips"),
            ("/usr/include/s390x-linux-gnu", "s390"),
            ("/usr/include/sparc64-linux-gnu", "sparc"),
            ("/usr/include/hppa-linux-gnu", "parisc"),
            ("/usr/include/alphaev67-linux-gnu", "alpha"),
            ("/usr/include/sh4-linux-gnu", "sh"),
            ("/usr/include/or1k-linux-gnu", "openrisc"),
            ("/usr/include/m68k-linux-gnu", "m68k"),
            ("/usr/lib/linux/uapi/loongarch", "loongarch"),
            // The Zig distribution.
            ("/zig/lib/libc/include/x86-linux-any", "x86"),
            ("include/aarch64-linux-any", "arm64"),
            ("include/arm-linux-any", "arm"),
            ("include/arc-linux-any", "arc"),
            ("include/csky-linux-any", "csky"),
            ("include/hexagon-linux-any", "hexagon"),
            ("include/loongarch-linux-any", "loongarch"),
            ("include/m68k-linux-any", "m68k"),
            ("include/mips-linux-any", "mips"),
            ("include/powerpc-linux-any", "powerpc"),
            ("include/riscv-linux-any", "riscv"),
            ("include/s390x-linux-any", "s390"),
            ("include/sparc-linux-any", "sparc"),
            ("include/xtensa-linux-any", "xtensa"),
        ] {
            assert_eq!(arch(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "/usr/include",
            "/home/arm/include",
            "/mnt/arch-linux/usr/include",
            "/src/linux-6.1/usr/include",
            "uapi/x",
            "/zig/lib/libc/include/any-linux-any",
        ] {
            assert_eq!(arch(path), None, "{path}");
        }
    }
}
