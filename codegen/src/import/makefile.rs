//! Which tags the kernel's own makefiles give to each generated header: held against `abis.toml`.

use crate::Error;
use crate::files;
use crate::tables::{Abi, TableSource};
use std::path::Path;

/// Stops when the makefiles and `abis.toml` name different tags for the ABI.
pub(crate) fn check(root: &Path, source: &TableSource, abi: &Abi) -> Result<(), Error> {
    let makefile = root.join(&source.makefile);
    let text = files::read(&makefile)?;
    let shown = makefile.display().to_string();
    let tags = if source.makefile.starts_with("scripts/") {
        let own = root.join(format!("arch/{}/kernel/Makefile.syscalls", abi.arch));
        shared(&text, &files::read(&own)?, &abi.header)
    } else {
        arch(&text, &abi.header)
    };
    let sorted = |tags: &[String]| {
        let mut tags = tags.to_vec();
        tags.sort();
        tags
    };
    if sorted(&tags) == sorted(&abi.tags) {
        return Ok(());
    }
    let list = |tags: &[String]| if tags.is_empty() { "every tag".to_owned() } else { tags.join(",") };
    Err(Error::new(
        shown,
        0,
        format!(
            "makes {} from {}, and abis.toml makes {} from {}; correct `tags` there",
            abi.header,
            list(&tags),
            abi.name,
            list(&abi.tags)
        ),
    ))
}

fn words(list: &str) -> Vec<String> {
    list.split([',', ' ', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What replaces `%` of a pattern rule for this header: `64` for `unistd_64.h`, `eabi` for `unistd-eabi.h`.
fn stem(header: &str) -> &str {
    header.trim_end_matches(".h").rsplit(['_', '-']).next().unwrap_or("")
}

/// `scripts/Makefile.asm-headers` and the architecture's `Makefile.syscalls` add to `syscall_abis_32` or `_64`.
fn shared(common: &str, own: &str, header: &str) -> Vec<String> {
    let variable = format!("syscall_abis_{}", stem(header));
    common
        .lines()
        .chain(own.lines())
        .filter_map(|line| line.split_once("+=").filter(|(name, _)| name.trim() == variable))
        .flat_map(|(_, list)| words(list))
        .collect()
}

/// An architecture's own makefile names the tags for the target (`…/unistd_64.h: abis := common,64`), in a variable
/// (`syshdr_abi_unistd_64 := common,64`, s390 before 7.x), in the command (`--abis common,$*`), or takes every row.
fn arch(text: &str, header: &str) -> Vec<String> {
    let value = |wanted: &str| {
        let assigned = text.lines().filter_map(|line| line.split_once(":="));
        assigned.into_iter().find(|(name, _)| name.trim().ends_with(wanted)).map(|(_, list)| words(list))
    };
    let variable = format!("syshdr_abi_{}", header.trim_end_matches(".h"));
    value(&format!("/{header}: abis")).or_else(|| value(&variable)).unwrap_or_else(|| {
        let after = text.split_once("--abis ").map_or("", |(_, after)| after);
        let list = after.split_whitespace().next().unwrap_or("");
        words(&list.replace("$*", stem(header)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_ways_that_makefiles_name_tags() {
        let x86 = "cmd = sh --abis $(abis) $<\n$(uapi)/unistd_x32.h: abis := common,x32\n$(uapi)/unistd_64.h: abis := common,64\n";
        assert_eq!(arch(x86, "unistd_64.h"), ["common", "64"]);
        assert_eq!(arch(x86, "unistd_x32.h"), ["common", "x32"]);
        assert_eq!(
            arch("syshdr_abi_unistd_32 := common,32\nfoo -a $(syshdr_abi_$(basetarget))\n", "unistd_32.h"),
            ["common", "32"]
        );
        assert_eq!(arch("cmd = sh --abis common,$* $< $@\n", "unistd-oabi.h"), ["common", "oabi"]);
        assert!(arch("cmd = sh --emit-nr $< $@\n", "unistd_32.h").is_empty());
        let common = "syscall_abis_32  += common,32\nsyscall_abis_64  += common,64\n";
        assert_eq!(
            shared(common, "syscall_abis_32 +=\nsyscall_abis_64 += rlimit\n", "unistd_compat_32.h"),
            ["common", "32"]
        );
        assert_eq!(shared(common, "syscall_abis_64 += rlimit\n", "unistd_64.h"), ["common", "64", "rlimit"]);
    }
}
