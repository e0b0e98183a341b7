//! Headers that a distribution or `make headers_install` put somewhere for user space: numbers and
//! names, no entry points.

use super::header::{Includes, aliases, predefined};
use super::tree::exists;
use super::unistd;
use crate::Error;
use crate::tables::{Abi, KernelTable, TableSource, Tables};
use crate::version::Version;
use std::path::{Path, PathBuf};

/// Beginnings of a compiler's names for a processor, where they are no beginning of the kernel's
/// own name.
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

/// A folder of headers, understood.
pub(crate) struct Installed {
    /// The folder that holds `asm/`.
    pub(crate) folder: PathBuf,
    /// The kernel's `arch/` folder that they are of.
    pub(crate) arch: String,
    /// The kernel that they are of.
    pub(crate) linux: Version,
    /// Where they look for each other.
    pub(crate) includes: Includes,
}

impl Installed {
    /// Looks around. `arch` is what the user says, who need not.
    pub(crate) fn find(
        folder: &Path,
        arch: Option<&str>,
        facts: &Tables,
    ) -> Result<Installed, Error> {
        let shown = folder.display().to_string();
        let wrong = |what: String| Error::in_file(&shown, what);
        if !folder.is_dir() {
            return Err(wrong("is no folder".to_owned()));
        }
        let holds = |folder: &PathBuf| folder.join("asm/unistd.h").is_file();
        let folder = [folder.to_owned(), folder.join("include")].into_iter().find(holds).ok_or_else(|| {
            wrong("holds no asm/unistd.h; give a folder of installed headers, as /usr/include/TRIPLET is".to_owned())
        })?;
        // A distribution may keep the headers of all architectures elsewhere, with links to them.
        let real = |path: PathBuf| path.canonicalize().ok().into_iter();
        let unistd = real(folder.join("asm/unistd.h"))
            .filter_map(|path| Some(path.parent()?.parent()?.to_owned()));
        let places: Vec<PathBuf> =
            [folder.clone()].into_iter().chain(unistd).chain(real(folder.clone())).collect();
        let told = places.iter().find_map(|place| arch_of(place, facts));
        let arch = match (arch, told) {
            (Some(arch), Some(told)) if arch != told => {
                return Err(wrong(format!(
                    "its path says that these are headers of {told}, and --arch says {arch}"
                )));
            }
            (Some(arch), _) => arch.to_owned(),
            (None, Some(told)) => told,
            (None, None) => {
                let what = "its path does not say for which architecture these headers are; add --arch ARCH";
                return Err(wrong(what.to_owned()));
            }
        };
        let mut known: Vec<&str> = facts.abis.iter().map(|abi| abi.arch.as_str()).collect();
        known.dedup();
        if !known.contains(&arch.as_str()) {
            let what = format!(
                "`{arch}` is no folder of the kernel's arch/ with an ABI here; there are {}",
                known.join(", ")
            );
            return Err(Error::argument("--arch", what));
        }
        let mut folders = vec![folder.clone()];
        for file in ["asm-generic/unistd.h", "linux/version.h"] {
            folders.extend(places.iter().find_map(|place| above(place, file)));
        }
        folders.dedup();
        let includes = Includes::installed(folders);
        let linux = version(&includes, &folder)?;
        Ok(Installed { folder, arch, linux, includes })
    }

    /// One of the tables, as far as its ABIs have headers here.
    pub(crate) fn table(
        &self,
        facts: &Tables,
        source: &TableSource,
    ) -> Result<Option<KernelTable>, Error> {
        let path = self.folder.join("asm/unistd.h");
        let shown = path.display().to_string();
        let (mut all, mut extras) = (Vec::new(), Vec::new());
        let here = |abi: &&Abi| {
            abi.table == source.name
                && abi.arch == self.arch
                && abi.uapi
                && exists(abi, &self.linux)
        };
        for abi in facts.abis.iter().filter(here) {
            let (unit, included) = self.includes.preprocess(&path, &predefined(abi), None)?;
            let own = format!("asm/{}", abi.header);
            // A kernel that lacks the ABI gives another's header in the place of its own.
            let asked =
                included.contains(&own) || unit.missing.iter().any(|missing| missing.text == own);
            if !asked && included.iter().any(|name| name.starts_with("asm/unistd")) {
                continue;
            }
            if let Some(missing) = unit.missing.first() {
                return Err(self.includes.lacks(&missing.text, &missing.file, missing.line));
            }
            let mut numbers = unistd::numbers(&unit, abi, &shown)?;
            if numbers.rows.is_empty() {
                return Err(Error::in_file(
                    shown,
                    format!("defines no system call of {}", abi.name),
                ));
            }
            // What asm-generic/unistd.h says of entry points is not all: a C file of the
            // architecture may swap some.
            for row in &mut numbers.rows {
                (row.entry, row.compat) = (None, None);
            }
            super::add(&mut extras, aliases(&self.folder, &numbers, &path)?);
            all.push(numbers);
        }
        super::merged(&self.linux, &self.folder, &all, extras)
    }
}

/// The architecture that a path names: `uapi/arm64`, or a compiler's triplet, whose first word is
/// the processor.
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

/// The architecture of a triplet's processor: `mipsel` is mips, and `arch` is not arc.
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

/// The folder at or above a place, or the `include` beside it, that has a file.
fn above(place: &Path, file: &str) -> Option<PathBuf> {
    let folders =
        place.ancestors().take(5).flat_map(|folder| [folder.to_owned(), folder.join("include")]);
    folders.into_iter().find(|folder| folder.join(file).is_file())
}

/// The kernel that `linux/version.h` names; before 5.18 it had one number for all.
fn version(includes: &Includes, folder: &Path) -> Result<Version, Error> {
    let Some(path) = includes.find("linux/version.h") else {
        let what =
            "there is no linux/version.h at or above it to say which kernel these headers are of";
        return Err(Error::in_file(folder.display().to_string(), what));
    };
    let (unit, _) = includes.preprocess(&path, &[], None)?;
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
            let what = "defines no LINUX_VERSION_CODE; are the headers complete?";
            Err(Error::in_file(path.display().to_string(), what))
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
        ] {
            assert_eq!(arch(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "/usr/include",
            "/home/arm/include",
            "/mnt/arch-linux/usr/include",
            "/src/linux-6.1/usr/include",
            "uapi/x",
        ] {
            assert_eq!(arch(path), None, "{path}");
        }
    }
}
