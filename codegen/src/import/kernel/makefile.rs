//! Which ABIs the kernel's own makefiles generate from a table, and the tags of each.

use crate::Error;
use crate::import::tree::Tree;
use crate::source::Doubt;
use crate::tables::Abi;

/// The tags that the tree sets for the ABI's header; empty: every row. `None` if it generates no
/// such header.
pub(in crate::import) fn tags(
    tree: &Tree<'_>,
    makefile: &str,
    abi: &Abi,
) -> Result<Option<Vec<String>>, Error> {
    let source = tree.source;
    let read = |path: &str| match source.text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) => tree.leave_out(abi, error).map(|()| None),
    };
    let Some(text) = read(makefile)? else { return Ok(None) };
    if !makefile.starts_with("scripts/") {
        return Ok(arch(&text, &abi.header));
    }
    let directory = format!("arch/{}", tree.arch(abi));
    let kbuild = if abi.uapi { "include/uapi/asm/Kbuild" } else { "include/asm/Kbuild" };
    let listed = |line: &str| {
        let (name, list) = line.split_once('=').unwrap_or_default();
        name.starts_with("syscall-y") && list.split_whitespace().any(|header| header == abi.header)
    };
    let kbuild = format!("{directory}/{kbuild}");
    let own = format!("{directory}/kernel/Makefile.syscalls");
    let (Some(list), Some(added)) = (read(&kbuild)?, read(&own)?) else { return Ok(None) };
    let made = list.lines().any(listed);
    let (header, variable) = (&abi.header, abis_variable(&abi.header));
    let left_out = |file: &str, what: String| {
        tree.leave_out(abi, source.incomplete(file, Doubt::Missing, what)).map(|()| None)
    };
    match (shared(&text, header), shared(&added, header)) {
        (None, _) => left_out(makefile, format!("does not add to {variable}")),
        (_, None) if made => {
            left_out(&own, format!("does not add to {variable}, from which {header} is generated"))
        }
        (_, Some(_)) if !made => {
            left_out(&kbuild, format!("does not generate {header}, for which {own} sets tags"))
        }
        (Some(common), Some(own)) => Ok(Some([common, own].concat())),
        (Some(_), None) => Ok(None),
    }
}

/// The table that an architecture's `Makefile.syscalls` names instead of the shared one, as arm64's
/// does: `syscalltbl = arch/arm64/tools/syscall_%.tbl`.
pub(in crate::import) fn own_table(tree: &Tree<'_>, makefile: &str, abi: &Abi) -> Option<String> {
    if !makefile.starts_with("scripts/") {
        return None;
    }
    let own = format!("arch/{}/kernel/Makefile.syscalls", tree.arch(abi));
    let text = tree.source.text(&own).ok()?;
    let mut assigned = text.lines().filter_map(|line| line.split_once('='));
    let named =
        assigned.rfind(|(name, _)| name.trim_end_matches([' ', '\t', ':', '?']) == "syscalltbl");
    let (_, path) = named?;
    let path = path.trim().trim_start_matches("$(srctree)/");
    Some(path.replace('%', stem(&abi.header)))
}

fn words(list: &str) -> Vec<String> {
    list.split([',', ' ', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What replaces `%` of a pattern rule for this header: `64` for `unistd_64.h`, `eabi` for
/// `unistd-eabi.h`.
fn stem(header: &str) -> &str {
    header.trim_end_matches(".h").rsplit(['_', '-']).next().unwrap_or("")
}

/// `syscall_abis_64`, to which `scripts/Makefile.asm-headers` and the architecture's
/// `Makefile.syscalls` add.
fn abis_variable(header: &str) -> String {
    format!("syscall_abis_{}", stem(header))
}

/// The tags that a makefile adds for a header; `None` if it does not mention the header.
fn shared(text: &str, header: &str) -> Option<Vec<String>> {
    let variable = abis_variable(header);
    let added = text.lines().filter_map(|line| line.split_once("+="));
    let lists: Vec<&str> =
        added.filter(|(name, _)| name.trim() == variable).map(|(_, list)| list).collect();
    (!lists.is_empty()).then(|| lists.into_iter().flat_map(words).collect())
}

/// An architecture's own makefile names the header, and its tags for the target (`…/unistd_64.h:
/// abis := common,64`), in a variable (`syshdr_abi_unistd_64 := common,64` in Linux 3.x and 4.x,
/// for s390 up to 6.x; `syshdr_abis_…` in 5.x), in the command (`--abis common,$*`), or uses every
/// row.
fn arch(text: &str, header: &str) -> Option<Vec<String>> {
    let named = |word: &str| word.rsplit('/').next() == Some(header);
    if !text.split([' ', '\t', '\n', '\r', ':', '\\']).any(named) {
        return None;
    }
    let value = |wanted: &str| {
        let assigned = text.lines().filter_map(|line| line.split_once(":="));
        assigned
            .into_iter()
            .find(|(name, _)| name.trim().ends_with(wanted))
            .map(|(_, list)| words(list))
    };
    let variable = |header: &str| {
        let stem = header.trim_end_matches(".h");
        value(&format!("_abis_{stem}")).or_else(|| value(&format!("_abi_{stem}")))
    };
    let tags =
        value(&format!("/{header}: abis")).or_else(|| variable(header)).unwrap_or_else(|| {
            let after = text.split_once("--abis ").map_or("", |(_, after)| after);
            let list = after.split_whitespace().next().unwrap_or("");
            words(&list.replace("$*", stem(header)))
        });
    // Older trees have a separate header for the calls that the two ABIs of arm share; both include
    // it.
    Some(variable("unistd-common.h").unwrap_or_default().into_iter().chain(tags).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str, header: &str) -> Option<String> {
        arch(text, header).map(|tags| tags.join(","))
    }

    #[test]
    fn the_ways_in_which_makefiles_name_tags() {
        let some = |tags: &str| Some(tags.to_owned());
        let x86 = "cmd = sh --abis $(abis) $<\n$(uapi)/unistd_x32.h: abis := common,x32\n\
            $(uapi)/unistd_64.h: abis := common,64\n";
        assert_eq!(made(x86, "unistd_64.h"), some("common,64"));
        assert_eq!(made(x86, "unistd_x32.h"), some("common,x32"));
        assert_eq!(made(x86, "unistd_32.h"), None);
        let older = "syshdr_abi_unistd_32 := common,32\n$(uapi)/unistd_32.h: $(syscall) FORCE\n";
        assert_eq!(made(older, "unistd_32.h"), some("common,32"));
        assert_eq!(made(&older.replace("_abi_", "_abis_"), "unistd_32.h"), some("common,32"));
        let spu = "systbl_abi_syscall_table_spu := spu\n\
            systbl_abis_syscall_table_spu := common,spu\n\t$(kapi)/syscall_table_spu.h\n";
        assert_eq!(made(spu, "syscall_table_spu.h"), some("common,spu"));
        let arm = "syshdr_abi_unistd-common := common\nsyshdr_abi_unistd-oabi := oabi\n\
            $(uapi)/unistd-oabi.h: x\n";
        assert_eq!(made(arm, "unistd-oabi.h"), some("common,oabi"));
        let pattern = "uapi-hdrs-y += $(uapi)/unistd-oabi.h\ncmd = sh --abis common,$* $< $@\n";
        assert_eq!(made(pattern, "unistd-oabi.h"), some("common,oabi"));
        assert_eq!(
            made(
                "uapisyshdr-y += unistd_n32.h \\\n\tunistd_32.h\ncmd = sh --emit-nr $< $@\n",
                "unistd_32.h"
            ),
            some("")
        );
        let common = "syscall_abis_32  += common,32\nsyscall_abis_64  += common,64\n";
        assert_eq!(shared(common, "unistd_compat_32.h").unwrap(), ["common", "32"]);
        let own = "syscall_abis_32 +=\nsyscall_abis_64 += rlimit\n";
        assert_eq!(shared(own, "unistd_32.h").unwrap(), [""; 0]);
        assert_eq!(shared(own, "unistd_64.h").unwrap(), ["rlimit"]);
        assert_eq!(shared(&common[..27], "unistd_64.h"), None);
    }
}
