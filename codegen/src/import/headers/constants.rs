//! The values of macros and enumerators that headers define: error numbers, and the constants of
//! `uapi.toml` and `lookup.toml`.

use super::SearchPath;
use crate::Error;
use crate::import::c::Unit;
use crate::import::findings::{Findings, Kind};
use crate::source::Doubt;
use crate::tables::{Constant, Constants, ErrnoSet, ErrnoValue};
use crate::version::Version;

/// Prefixes of constants' names, the Rust type of their field, and the first series with them.
pub(in crate::import) type Group = (&'static [&'static str], &'static str, &'static str);

/// The constants of `uapi.toml`, by header.
pub(in crate::import) const UAPI: &[(&str, &[Group])] = &[
    (
        "include/uapi/linux/aio_abi.h",
        &[(&["IOCB_CMD_"], "u16", "2.6"), (&["IOCB_FLAG_"], "u32", "2.6.22")],
    ),
    ("include/uapi/linux/fs.h", &[(&["RWF_"], "i32", "4.6")]),
    ("include/uapi/linux/fcntl.h", &[(&["AT_EMPTY_PATH"], "u32", "3.7")]),
    ("include/uapi/linux/stat.h", &[(&["STATX_DIOALIGN"], "u32", "6.1")]),
    ("include/uapi/linux/auxvec.h", &[(&["AT_HWCAP2"], "usize", "3.10")]),
    ("arch/x86/include/uapi/asm/auxvec.h", &[(&["AT_SYSINFO"], "usize", "2.6.24")]),
    ("arch/powerpc/include/uapi/asm/cputable.h", &[(&["PPC_FEATURE2_SCV"], "usize", "5.9")]),
    ("include/uapi/linux/uio.h", &[(&["UIO_MAXIOV"], "usize", "2.6")]),
    ("fs/aio.c", &[(&["AIO_RING_MAGIC", "AIO_RING_COMPAT_", "AIO_RING_INCOMPAT_"], "u32", "3.10")]),
];

/// The constants of `lookup.toml`: the identifiers of architectures for tracers and filters, and
/// the calls of `socketcall` and `ipc`.
pub(in crate::import) const LOOKUP: &[(&str, &[Group])] = &[
    ("include/uapi/linux/audit.h", &[(&["AUDIT_ARCH_", "__AUDIT_ARCH_LE"], "u32", "3.7")]),
    ("include/uapi/linux/net.h", &[(&["SYS_"], "u32", "3.7")]),
    ("include/uapi/linux/ipc.h", &[(&["SEM", "MSG", "SHM"], "u32", "3.7")]),
];

/// Constants of one header whose values depend on the architecture.
pub(in crate::import) struct OfArch {
    /// The header, as `#include` names it.
    pub(in crate::import) header: &'static str,
    names: &'static [&'static str],
    /// The Rust type of their field.
    rust: &'static str,
    /// The first series with them.
    since: &'static str,
}

/// All constants of `uapi.toml`.
pub(in crate::import) const OF_ARCH: &[OfArch] = &[
    OfArch {
        header: "asm/fcntl.h",
        names: &["O_NONBLOCK", "O_CLOEXEC", "O_APPEND", "F_GETFL"],
        rust: "i32",
        since: "2.6.25",
    },
    OfArch {
        header: "asm/mman.h",
        names: &["PROT_READ", "PROT_WRITE", "MAP_ANONYMOUS", "MADV_WIPEONFORK"],
        rust: "i32",
        since: "4.14",
    },
    OfArch { header: "linux/mman.h", names: &["MAP_PRIVATE"], rust: "i32", since: "5.1" },
    OfArch { header: "linux/fs.h", names: &["BLKSSZGET"], rust: "u32", since: "3.7" },
    OfArch {
        header: "asm/poll.h",
        names: &["POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLRDHUP"],
        rust: "u16",
        since: "2.6.18",
    },
];

/// The error numbers of an architecture, from a header that tables spell `source`.
pub(in crate::import) fn errno_set(
    headers: &SearchPath<'_>,
    arch: &str,
    header: &str,
    source: String,
) -> Result<ErrnoSet, Error> {
    let errnos = read_errnos(headers, header)?;
    let sha256 = headers.source.sha256(header)?;
    Ok(ErrnoSet { archs: vec![arch.to_owned()], source, sha256, errnos })
}

/// The constants in `wanted` of the headers that `find` finds. `headers` returns the headers of an
/// architecture, or of any.
pub(in crate::import) fn common<'h, 's: 'h>(
    wanted: &[(&str, &[Group])],
    linux: &Version,
    headers: impl Fn(Option<&str>) -> Option<&'h SearchPath<'s>>,
    find: impl Fn(&str, &SearchPath<'_>) -> Option<String>,
    findings: &Findings,
) -> Result<Vec<Constants>, Error> {
    let mut found = Vec::new();
    for (source, groups) in wanted {
        let arch = source.strip_prefix("arch/").and_then(|rest| rest.split('/').next());
        let groups: Vec<&Group> = groups.iter().filter(|(.., since)| has(linux, since)).collect();
        let Some(headers) = headers(arch).filter(|_| !groups.is_empty()) else { continue };
        let Some(path) = find(source, headers) else { continue };
        let mut constants = Vec::new();
        for (prefixes, rust, _) in groups {
            let named = with_prefix(headers, &path, prefixes);
            let Some(named) = findings.accept(Kind::Constant, named)? else { continue };
            if named.is_empty() {
                let what = format!("does not define {}", prefixes.join(" or "));
                let error = headers.source.incomplete(&path, Doubt::Missing, what);
                findings.judge(Kind::Constant, error)?;
            }
            constants.extend(named.into_iter().map(|(name, value)| constant(name, value, rust)));
        }
        if !constants.is_empty() {
            let archs = arch.map(str::to_owned).into_iter().collect();
            let (source, sha256) = ((*source).to_owned(), headers.source.sha256(&path)?);
            found.push(Constants { archs, source, sha256, constants });
        }
    }
    Ok(found)
}

/// Those that one header gives to an architecture, if the kernel has them. Tables spell the header
/// `source`.
pub(in crate::import) fn of_arch(
    linux: &Version,
    headers: &SearchPath<'_>,
    arch: &str,
    OfArch { names, rust, since, .. }: &OfArch,
    header: &str,
    source: String,
) -> Result<Option<Constants>, Error> {
    if !has(linux, since) {
        return Ok(None);
    }
    let values = read_values(headers, header, names)?;
    let named = names.iter().zip(values);
    let constants = named.map(|(name, value)| constant((*name).to_owned(), value, rust)).collect();
    let sha256 = headers.source.sha256(header)?;
    Ok(Some(Constants { archs: vec![arch.to_owned()], source, sha256, constants }))
}

fn has(linux: &Version, since: &str) -> bool {
    Version::new(since).series() <= linux.series()
}

fn constant(name: String, value: i64, rust: &str) -> Constant {
    Constant { name, value, rust: rust.to_owned() }
}

/// The error numbers that a header defines, by value.
fn read_errnos(headers: &SearchPath<'_>, header: &str) -> Result<Vec<ErrnoValue>, Error> {
    let (unit, _) = headers.preprocess(header, &[])?;
    let mut errnos = Vec::new();
    for found in unit.macros().iter().filter(|found| found.name.starts_with('E')) {
        if let Some(value) = unit.value(&found.name)? {
            if !(1..=4095).contains(&value) {
                let what = format!("`{}` is {value}, which is not an error number", found.name);
                return Err(Error::at(&*found.file, found.line, what));
            }
            let alias = found.body.trim().starts_with('E');
            let same = || format!("The same as {}", found.body.trim());
            let text = found.comment.clone().unwrap_or_else(same);
            errnos.push((value, alias, found.name.clone(), text));
        }
    }
    if errnos.is_empty() {
        let what = "defines no error number";
        return Err(headers.source.incomplete(header, Doubt::Missing, what));
    }
    // An alias follows its original, so that a lookup by value finds the original.
    errnos.sort();
    let value = |(value, _, name, text)| ErrnoValue { name, value: value as u32, text };
    Ok(errnos.into_iter().map(value).collect())
}

/// Enumerators and macros of a header whose names start with one of the prefixes, in the header's
/// order.
fn with_prefix(
    headers: &SearchPath<'_>,
    header: &str,
    prefixes: &[&str],
) -> Result<Vec<(String, i64)>, Error> {
    let unit = read_unit(headers, header)?;
    let file = headers.source.name(header);
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
fn read_values(headers: &SearchPath<'_>, header: &str, names: &[&str]) -> Result<Vec<i64>, Error> {
    let unit = read_unit(headers, header)?;
    let value = |name: &&str| {
        let missing =
            || headers.source.incomplete(header, Doubt::Missing, format!("does not define {name}"));
        unit.value(name)?.ok_or_else(missing)
    };
    names.iter().map(value).collect()
}

fn read_unit(headers: &SearchPath<'_>, header: &str) -> Result<Unit, Error> {
    // The values do not depend on the kernel's configuration, which a .c file includes, nor on the
    // byte order, which the included headers need. Definitions that only i386 has are needed.
    let asked = [
        ("__linux__", "1"),
        ("IS_ENABLED(option)", "0"),
        ("__MIPSEL__", "1"),
        ("__XTENSA_EL__", "1"),
        ("__i386__", "1"),
    ];
    let macros = asked.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(headers.preprocess(header, &macros)?.0)
}
