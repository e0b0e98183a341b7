//! `profile`: what a seccomp profile leaves open.

use super::common::*;
use std::fs;
use tempfile::TempDir;

/// What the tool says of a profile: status, report and error message, in which `{}` is the
/// directory.
fn profile(text: &str, libseccomp: Option<&str>) -> (Option<i32>, String, String) {
    let directory = TempDir::new().unwrap();
    let [json, csv] = ["p.json", "s.csv"].map(|name| directory.path().join(name));
    fs::write(&json, text).unwrap();
    let mut tool = codegen();
    tool.arg("profile").arg(&json);
    if let Some(text) = libseccomp {
        fs::write(&csv, text).unwrap();
        tool.arg("--libseccomp").arg(&csv);
    }
    let (status, out, err) = run(&mut tool);
    let place = directory.path().display().to_string();
    (status, out.replace(&place, "{}"), err.replace(&place, "{}"))
}

/// A profile of these names, for a map of one architecture.
fn naming(names: &str, map: &str, errno: &str) -> String {
    format!(
        "{{\n\"defaultAction\": \"SCMP_ACT_ERRNO\", {errno}\n\
         \"archMap\": [{{\"architecture\": \"{map}\", \"subArchitectures\": null}}],\n\
         \"syscalls\": [\n{{\"names\": [{names}], \"action\": \"SCMP_ACT_ALLOW\"}}\n]}}\n"
    )
}

#[test]
fn calls_that_it_does_not_know_are_newer_or_older() {
    let text = naming("\"read\", \"io_submit\", \"openat2\"", "SCMP_ARCH_RISCV64", "");
    let (status, out, err) = profile(&text, None);
    assert_eq!((status, err.as_str()), (Some(1), ""));
    assert!(out.starts_with("{}/p.json: its newest call is openat2, of Linux 5.6\n"), "{out}");
    let lines: Vec<&str> = out.lines().skip_while(|line| !line.starts_with("riscv64 ")).collect();
    let [head, newer, older, runc] = lines[..] else { panic!("{out}") };
    assert!(head.starts_with("riscv64 (SCMP_ARCH_RISCV64): it knows 3 of 3"), "{head}");
    assert!(newer.starts_with("  newer than the profile, ") && newer.contains(" get EPERM: "));
    assert!(newer.contains("close_range (5.9)") && newer.contains("mseal (6.10)"), "{newer}");
    assert!(older.starts_with("  older, ") && older.contains("write (4.15)"), "{older}");
    // riscv_hwprobe (258) is newer than openat2 (437), and below it.
    let count = newer.split(' ').find_map(|word| word.parse::<u32>().ok()).unwrap();
    let above = runc.split(' ').find_map(|word| word.parse::<u32>().ok()).unwrap();
    assert!(runc.starts_with("  runc answers ENOSYS to the ") && above < count, "{runc}");
    assert!(!older.contains("openat2") && !older.contains("mseal"), "{older}");
    assert!(!out.contains("architectures that Linux"), "{out}");
    let missing = out.lines().find_map(|line| line.strip_prefix("architectures that it does not "));
    let missing = missing.unwrap();
    assert!(missing.contains("x86_64, ") && !missing.contains("riscv64"), "{missing}");
    // Left the kernel; and its calls are not seen.
    assert!(!missing.contains("ia64") && !missing.contains("spu"), "{missing}");
}

/// 38 is ENOSYS on most architectures, and not on MIPS.
#[test]
fn what_they_get_is_the_architecture_s() {
    for (map, errno, gets, status) in [
        ("SCMP_ARCH_X86_64", "\"defaultErrnoRet\": 38,", "ENOSYS", 0),
        ("SCMP_ARCH_MIPS", "\"defaultErrnoRet\": 89,", "ENOSYS", 0),
        ("SCMP_ARCH_MIPS", "\"defaultErrnoRet\": 38,", "EL2NSYNC", 1),
        ("SCMP_ARCH_MIPS", "\"defaultErrnoRet\": 38, \"defaultErrno\": \"ENOSYS\",", "ENOSYS", 0),
        ("SCMP_ARCH_X86_64", "\"defaultErrnoRet\": 4000,", "4000", 1),
    ] {
        let (found, out, _) = profile(&naming("\"read\"", map, errno), None);
        let newer = out.lines().find(|line| line.contains("newer than")).unwrap();
        assert!(newer.contains(&format!(" get {gets}: ")), "{map} {errno}: {newer}");
        assert_eq!(found, Some(status), "{map} {errno}");
    }
    let killing = naming("\"read\"", "SCMP_ARCH_X86_64", "").replace("_ERRNO", "_KILL_PROCESS");
    assert!(profile(&killing, None).1.contains(" get KILL_PROCESS: "));
}

#[test]
fn words_that_mean_nothing_have_a_line_and_what_is_near() {
    let text = naming(
        "\"read\",\n\"opennat\", \"break\",\n\"nonsense_call\"",
        "SCMP_ARCH_MIPS3L64N32",
        "",
    );
    let (status, out, _) = profile(&text, None);
    assert_eq!(status, Some(1));
    let expected = "\nnames that no kernel has ever had:\n  {}/p.json:7: `nonsense_call`\n  \
                    {}/p.json:6: `opennat`; did you mean `openat` or `openat2`?\n\n\
                    architectures that Linux does not have:\n  \
                    {}/p.json:3: `SCMP_ARCH_MIPS3L64N32`; did you mean `mipsel64n32`?\n";
    assert!(out.contains(expected), "{out}");
}

#[test]
fn a_rule_holds_for_its_architectures() {
    let text = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": [\
                {\"architecture\": \"SCMP_ARCH_X86_64\", \
                \"subArchitectures\": [\"SCMP_ARCH_X86\"]}, \
                {\"architecture\": \"SCMP_ARCH_AARCH64\"}], \"syscalls\": [\
                {\"name\": \"read\", \"action\": \"SCMP_ACT_ALLOW\"}, \
                {\"names\": [\"write\"], \"includes\": {\"arches\": [\"amd64\"]}}, \
                {\"names\": [\"close\"], \"excludes\": {\"arches\": [\"amd64\"]}}]}";
    let (_, out, _) = profile(text, None);
    for (abi, has, lacks) in
        [("x86_64", "close", "write"), ("i386", "close", "write"), ("aarch64", "write", "close")]
    {
        let part = out.split_once(&format!("\n{abi} (")).unwrap().1;
        let part = part.split("\n\n").next().unwrap();
        let open = |name: &str| part.contains(&format!(" {name} ("));
        assert!(open(has) && !open(lacks) && !open("read"), "{abi}: {part}");
    }
}

#[test]
fn a_libseccomp_has_numbers_for_some() {
    let csv = "#syscall (v5.10.0 2021),x86_64,x86_64_kver,x32,x32_kver\n\
               read,0,SCMP_KV_UNDEF,0,SCMP_KV_UNDEF\nopen,3,SCMP_KV_UNDEF,2,SCMP_KV_UNDEF\n\
               io_setup,206,SCMP_KV_UNDEF,543,SCMP_KV_UNDEF\n\
               send,PNR,SCMP_KV_UNDEF,PNR,SCMP_KV_UNDEF\n";
    let text = naming(
        "\"read\", \"open\", \"send\", \"mseal\", \"io_setup\"",
        "SCMP_ARCH_X86_64",
        "\"defaultErrnoRet\": 38,",
    );
    let (status, out, err) = profile(&text, Some(csv));
    assert_eq!((status, err.as_str()), (Some(1), ""));
    let expected = "  2 that libseccomp's table (v5.10.0 2021) does not resolve: open (it has \
                    3, not 2), mseal\n";
    assert!(out.ends_with(expected), "{out}");
    // Numbers of x32 are without its bit there.
    let x32 = text.replace("SCMP_ARCH_X86_64", "SCMP_ARCH_X32");
    assert!(profile(&x32, Some(csv)).1.ends_with(" does not resolve: mseal\n"));
    let right = text.replace(", \"mseal\"", "").replace("\"open\", ", "");
    assert_eq!(profile(&right, Some(csv)).0, Some(0));
}

#[test]
fn what_is_no_profile_is_refused_at_its_line() {
    let text = naming("\"read\"", "SCMP_ARCH_X86_64", "");
    for (text, message) in [
        ("", "{}/p.json:1: is no seccomp profile: EOF while parsing a value at line 1 column 0"),
        ("{\n\n]", "{}/p.json:3: is no seccomp profile: key must be a string at line 3 column 1"),
        (
            "{\n}",
            "{}/p.json:2: is no seccomp profile: missing field `defaultAction` at line 2 column 1",
        ),
        (
            "{\"defaultAction\": 1}",
            "{}/p.json:1: is no seccomp profile: invalid type: integer `1`, expected a string at \
             line 1 column 19",
        ),
    ] {
        let refused = (Some(2), String::new(), format!("error: {message}\n"));
        assert_eq!(profile(text, None), refused, "{text}");
    }
    for (csv, message) in [
        ("", "{}/s.csv:1: is not libseccomp's syscalls.csv: it does not begin with `#syscall`"),
        (
            "#syscall (v5),x86_64,x86_64_kver\nread,zero,x\n",
            "{}/s.csv:2: a column is neither a number nor PNR",
        ),
        (
            "#syscall (v5),x86_64,x86_64_kver\n\nread\n",
            "{}/s.csv:3: a column is neither a number nor PNR",
        ),
    ] {
        let refused = (Some(2), String::new(), format!("error: {message}\n"));
        assert_eq!(profile(&text, Some(csv)), refused, "{csv}");
    }
    let (status, out, err) = run(codegen().args(["profile", "/nowhere/p.json"]));
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("error: /nowhere/p.json: cannot be read: No such file"), "{err}");
    // Control characters do not reach a terminal.
    let (_, out, _) = profile(&naming("\"\\u001b[31m\"", "SCMP_ARCH_X86_64", ""), None);
    assert!(!out.contains('\u{1b}'), "{out}");
}
