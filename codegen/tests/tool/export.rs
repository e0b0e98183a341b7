//! The output of `export`, read by other programs: a JSON parser, a Markdown parser, C and C++
//! compilers. The expected content is that of `tsv`, which `ci/oracle/agree` compares with `make
//! headers`. `ci/check/html` opens the page in a browser.

use crate::common::*;
use aio_tests::{CCompiler, skip};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn export_of(directory: &Path, format: &str, more: &[&str]) -> (Option<i32>, String, String) {
    run(codegen().args(["export", format, "--tables"]).arg(directory).args(more))
}

fn export(format: &str, more: &[&str]) -> String {
    let (status, stdout, stderr) = export_of(&committed(), format, more);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    stdout
}

/// abi, number, name, entry, compat, since, until.
type Row<S> = [S; 7];

fn parse_rows(tsv: &str) -> Vec<Row<&str>> {
    tsv.lines().map(|line| line.split('\t').collect::<Vec<_>>().try_into().unwrap()).collect()
}

fn abis<'t>(rows: &[Row<&'t str>]) -> Vec<&'t str> {
    let mut abis: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    abis.dedup();
    abis
}

/// The committed tables, with one edit in xtensa's.
fn edited(from: &str, to: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, bytes) in contents(&committed()) {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    let path = directory.path().join("xtensa.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1);
    fs::write(path, text.replace(from, to)).unwrap();
    directory
}

const FORMATS: [&str; 5] = ["tsv", "json", "c", "markdown", "html"];

#[test]
fn an_unknown_abi_is_refused_with_the_known_ones() {
    // The status of a directory without tables is that of every failure.
    let could_not = export_of(TempDir::new().unwrap().path(), "tsv", &[]).0;
    let known = abis(&parse_rows(&export("tsv", &[]))).join(", ");
    let message = format!(
        "error: --abi: unknown ABI `vax`; expected an AUDIT_ARCH value or one of {known}\n"
    );
    for format in FORMATS {
        let refused = export_of(&committed(), format, &["--abi", "x86_64", "--abi", "vax"]);
        assert_eq!(refused, (could_not, String::new(), message.clone()), "{format}");
    }
    // A known ABI that is not in these tables.
    let directory = TempDir::new().unwrap();
    fs::copy(committed().join("ia64.toml"), directory.path().join("ia64.toml")).unwrap();
    let message = "error: --abi: these tables do not have sh; expected one of ia64\n";
    assert_eq!(
        export_of(directory.path(), "tsv", &["--abi", "sh"]),
        (could_not, String::new(), message.to_owned())
    );
    assert_eq!(abis(&parse_rows(&export_of(directory.path(), "tsv", &[]).1)), ["ia64"]);
}

#[test]
fn abi_narrows_every_format() {
    // In the order of the tables, and each once, in any order of the options.
    let asked = ["--abi", "s390", "--abi", "x32", "--abi", "s390"];
    let all = export("tsv", &[]);
    let wanted = |line: &&str| line.starts_with("s390\t") || line.starts_with("x32\t");
    let two: String = all.lines().filter(wanted).map(|line| format!("{line}\n")).collect();
    assert_eq!(export("tsv", &asked), two);
    let two = parse_rows(&two);

    assert_eq!(
        from_json(&parsed(&export("json", &asked))),
        two.iter().map(owned).collect::<Vec<_>>()
    );
    let macros =
        export("c", &asked).lines().filter(|line| line.starts_with("#define AIO_SYS_NR_")).count();
    assert_eq!(macros, 1 + two.len());
    let cells = tables_of(&export("markdown", &asked));
    assert_eq!(cells[0], ["name", "x32", "s390", "since"]);
    assert_eq!(cells.len() - 1, two.iter().map(|row| row[2]).collect::<BTreeSet<_>>().len());
    let data = data_of(&export("html", &asked));
    assert_eq!(data["abis"].as_array().unwrap().len(), 2);
    assert_eq!(data["calls"].as_array().unwrap().len(), cells.len() - 1);
}

#[test]
fn an_export_is_the_same_every_time() {
    for format in FORMATS {
        assert!(export(format, &[]) == export(format, &[]), "{format}");
    }
}

// JSON.

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn owned(row: &Row<&str>) -> Row<String> {
    row.map(str::to_owned)
}

/// A date in `tsv`.
fn since(since: &Value) -> String {
    let [after, by] = ["after", "by"].map(|key| since[key].as_str());
    match (since["exact"].as_bool(), after, by) {
        (Some(true), Some(_), Some(by)) => by.to_owned(),
        (Some(false), Some(after), Some(by)) => format!("after {after}, by {by}"),
        (Some(false), None, Some(by)) => format!("{by} or earlier"),
        _ => panic!("{since}"),
    }
}

fn until(until: &Value) -> String {
    let [last, gone_by] = ["last", "gone_by"].map(|key| until[key].as_str());
    match (until["exact"].as_bool(), last, gone_by) {
        (Some(true), Some(last), Some(_)) => last.to_owned(),
        (Some(false), Some(last), Some(gone_by)) => format!("{last}, gone by {gone_by}"),
        _ if until.is_null() => String::new(),
        _ => panic!("{until}"),
    }
}

/// The rows of `tsv`, from the document.
fn from_json(document: &Value) -> Vec<Row<String>> {
    let word = |value: &Value| {
        if value.is_null() { String::new() } else { value.as_str().unwrap().to_owned() }
    };
    let mut rows = Vec::new();
    for abi in document["abis"].as_array().unwrap() {
        for call in abi["calls"].as_array().unwrap() {
            let number = call["number"].as_u64().unwrap().to_string();
            rows.push([
                word(&abi["name"]),
                number,
                word(&call["name"]),
                word(&call["entry"]),
                word(&call["compat"]),
                since(&call["since"]),
                until(&call["until"]),
            ]);
        }
    }
    rows
}

fn keys_of(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn json_has_the_rows_of_tsv() {
    for more in [&[][..], &["--header-names"]] {
        let tsv = export("tsv", more);
        let document = parsed(&export("json", more));
        assert!(
            from_json(&document) == parse_rows(&tsv).iter().map(owned).collect::<Vec<_>>(),
            "{more:?}"
        );
    }
}

/// With the names that only headers define, and without: a row that is still in the table, or in
/// its headers, was not removed.
#[test]
fn what_was_removed_is_not_there_any_more() {
    let all: Value = parsed(&export("json", &["--header-names"]));
    for document in [&all, &parsed(&export("json", &[]))] {
        for (abi, whole) in
            document["abis"].as_array().unwrap().iter().zip(all["abis"].as_array().unwrap())
        {
            let row = |row: &Value| (row["number"].clone(), row["name"].clone());
            let rows = |abi: &Value, key| -> Vec<_> {
                abi[key].as_array().unwrap().iter().map(row).collect()
            };
            let (there, removed) = (rows(whole, "calls"), rows(abi, "removed"));
            for row in &removed {
                assert!(!there.contains(row), "{} {row:?}", abi["name"]);
            }
            for row in rows(abi, "earlier") {
                assert!(there.contains(&row), "{} {row:?}", abi["name"]);
            }
            assert!(abi["removed"].as_array().unwrap().iter().all(|row| !row["until"].is_null()));
        }
    }
}

#[test]
fn help_explains_the_columns_of_tsv() {
    let (status, help, _) = run(codegen().args(["export", "--help"]));
    assert_eq!(status, Some(0));
    let columns = help.split_once("\nTSV: ").expect("a part about TSV").1;
    let columns = columns.split_once("\n\n").unwrap().0;
    let words: Vec<&str> = columns.split_whitespace().collect();
    let names = ["abi", "number", "name", "entry", "compat", "since", "until"];
    assert!(names.iter().all(|name| words.contains(name)), "{columns}");
    assert!(columns.contains("  since             empty: no release has the call"), "{columns}");
    // Such a call.
    let (mut tree, directory) = (Tree::new(), TempDir::new().unwrap());
    let sh = "arch/sh/kernel/syscalls/syscall.tbl";
    tree.edit(sh, "245\t", "240\tcommon\tmine\tsys_mine\n245\t");
    assert_eq!(import(tree.on_disk().path(), directory.path(), &[]).0, Some(0));
    let mut tool = codegen();
    tool.args(["export", "tsv", "--abi", "sh", "--tables"]).arg(directory.path());
    let (_, text, _) = run(&mut tool);
    let row = text.lines().find(|line| line.starts_with("sh\t240\t"));
    assert_eq!(row, Some("sh\t240\tmine\tsys_mine\t\t\t"));
    assert_eq!(row.map(|row| row.split('\t').count()), Some(names.len()));
}

#[test]
fn json_has_the_keys_of_its_help() {
    let document = parsed(&export("json", &["--header-names"]));
    assert_eq!(document["schema"], 1);
    let (status, help, _) = run(codegen().args(["export", "--help"]));
    assert_eq!(status, Some(0));
    let schema: BTreeSet<&str> = help.split_once("JSON:").unwrap().1.split_whitespace().collect();
    let explained = |key: &&str| schema.contains(key) || schema.contains(&*format!("{key},"));
    let check = |value: &Value, wanted: &[&str]| {
        let mut sorted = wanted.to_vec();
        sorted.sort();
        let mut keys = keys_of(value);
        keys.sort();
        assert_eq!(keys, sorted);
        assert_eq!(wanted.iter().find(|key| !explained(key)), None, "is not explained");
    };
    check(&document, &["schema", "abis", "absent", "prototypes"]);
    for abi in document["abis"].as_array().unwrap() {
        check(
            abi,
            &[
                "name", "arch", "bits", "base", "linux", "source", "sha256", "calls", "removed",
                "earlier",
            ],
        );
        for call in abi["calls"].as_array().unwrap() {
            check(
                call,
                &["number", "name", "entry", "compat", "tag", "noreturn", "since", "until"],
            );
            check(&call["since"], &["after", "by", "exact"]);
            if !call["until"].is_null() {
                check(&call["until"], &["last", "gone_by", "exact"]);
            }
        }
        for former in ["removed", "earlier"].iter().flat_map(|key| abi[key].as_array().unwrap()) {
            check(former, &["number", "name", "since", "until"]);
        }
    }
    for absent in document["absent"].as_array().unwrap() {
        check(absent, &["name", "abis", "why", "calls", "instead"]);
    }
    for prototype in document["prototypes"].as_array().unwrap() {
        check(prototype, &["entry", "args", "abis", "source", "line", "condition", "optional"]);
        for arg in prototype["args"].as_array().unwrap() {
            check(arg, &["type", "name"]);
        }
    }
    let of = |abi: &str, name: &str| {
        let abi =
            document["abis"].as_array().unwrap().iter().find(|found| found["name"] == abi).unwrap();
        abi["calls"].as_array().unwrap().iter().find(|call| call["name"] == name).unwrap().clone()
    };
    assert_eq!(of("i386", "exit")["noreturn"], true);
    assert_eq!(of("i386", "read")["noreturn"], false);
    assert_eq!(
        (&of("x32", "io_submit")["tag"], &of("arm", "breakpoint")["tag"]),
        (&"x32".into(), &Value::Null)
    );
    let is_absent =
        |absent: &Value| absent["name"] == "io_getevents" && absent["abis"][0] == "riscv32";
    assert!(document["absent"].as_array().unwrap().iter().any(is_absent));
}

/// The oracles are fs/aio.c, and arch/x86/kernel/ioport.c: iopl is of x86 alone.
#[test]
fn json_has_the_prototypes_of_the_abis_chosen() {
    let prototypes = |abis: &[&str]| {
        let asked: Vec<&str> = abis.iter().flat_map(|abi| ["--abi", *abi]).collect();
        parsed(&export("json", &asked))["prototypes"].as_array().unwrap().clone()
    };
    let both = prototypes(&["x86_64", "i386"]);
    let of = |entry: &str| both.iter().find(|found| found["entry"] == entry);
    let args = |entry: &str| -> Vec<String> {
        let args = of(entry).unwrap()["args"].as_array().unwrap().clone();
        args.iter().map(|arg| format!("{} {}", arg["type"], arg["name"]).replace('"', "")).collect()
    };
    assert_eq!(
        args("sys_io_submit"),
        ["aio_context_t ctx_id", "long nr", "struct iocb __user *__user * iocbpp"]
    );
    assert_eq!(args("sys_getpid"), [""; 0]);
    assert_eq!(of("sys_io_submit").unwrap()["optional"], "CONFIG_AIO");
    assert_eq!(of("sys_iopl").unwrap()["abis"], serde_json::json!(["x86_64", "i386"]));
    assert_eq!(of("compat_sys_io_submit").unwrap()["abis"], serde_json::json!(["i386"]));
    assert!(prototypes(&["aarch64"]).iter().all(|found| found["entry"] != "sys_iopl"));
    // Headers define no entry points, and an import of them has no prototypes.
    let directory = TempDir::new().unwrap();
    let table = directory.path().join("x86_64.toml");
    fs::copy(committed().join("x86_64.toml"), table).unwrap();
    let document = parsed(&export_of(directory.path(), "json", &[]).1);
    assert_eq!(document["prototypes"], serde_json::json!([]));
}

// C.

/// Compiles a program that includes the header as `calls.h`, with a strict compiler.
fn compile(cc: &CCompiler, header: &str, flags: &[&str], program: &str) -> Result<String, String> {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("calls.h"), header).unwrap();
    let mut all = vec![
        "-Wall",
        "-Wextra",
        "-Wundef",
        "-pedantic",
        "-Werror",
        "-I",
        directory.path().to_str().unwrap(),
    ];
    all.extend(flags);
    cc.run(&all, program)
}

/// One declaration that is an error unless the two are equal.
fn equal(out: &mut String, at: usize, name: &str, number: &str) {
    let _ = writeln!(out, "typedef char check_{at}[{name} == {number} ? 1 : -1];");
}

#[test]
fn every_macro_has_the_right_value() {
    let Some(cc) = CCompiler::find() else { return skip("the C header", "there is no C compiler") };
    let tsv = export("tsv", &["--header-names"]);
    let header = export("c", &["--header-names"]);
    let mut program = "#include \"calls.h\"\n#include \"calls.h\"\n".to_owned();
    for (at, [abi, number, name, ..]) in parse_rows(&tsv).iter().enumerate() {
        equal(&mut program, at, &format!("AIO_SYS_NR_{}_{name}", abi.replace('-', "_")), number);
    }
    compile(&cc, &header, &["-std=c99", "-fsyntax-only"], &program).unwrap();
    let wrong = program.replace(" == 209 ?", " == 208 ?");
    compile(&cc, &header, &["-std=c99", "-fsyntax-only"], &wrong).unwrap_err();

    if compile(&cc, "", &["-x", "c++", "-fsyntax-only"], "").is_ok() {
        compile(&cc, &header, &["-x", "c++", "-std=c++98", "-fsyntax-only"], &program).unwrap();
    } else {
        skip("the C header as C++", "there is no C++ compiler");
    }
    // No other macros except the guard.
    let macros = compile(&cc, &header, &["-E", "-dM"], "#include \"calls.h\"\n").unwrap();
    assert_eq!(
        macros.lines().filter(|line| line.contains(" AIO_SYS_NR_")).count(),
        1 + parse_rows(&tsv).len()
    );
    assert!(!macros.contains("__NR_"));
}

/// The kernel's header has `__ARM_NR_cacheflush`, and no `__NR_cacheflush`.
#[test]
fn private_calls_of_arm_have_their_own_macros() {
    let Some(cc) = CCompiler::find() else { return skip("the C header", "there is no C compiler") };
    let header = export("c", &["--abi", "arm", "--header-names"]);
    let defined = ["-m32", "-D__arm__=1", "-D__ARM_EABI__=1", "-E", "-dM"];
    let macros = compile(&cc, &header, &defined, "#include \"calls.h\"\n").unwrap();
    let has = |line: &str| macros.lines().any(|found| found == line);
    assert!(has("#define __ARM_NR_cacheflush AIO_SYS_NR_arm_cacheflush"), "{macros}");
    assert!(has("#define AIO_SYS_NR_arm_cacheflush 983042"), "{macros}");
    assert!(!macros.contains("#define __NR_cacheflush"), "{macros}");
    assert!(has("#define __NR_read AIO_SYS_NR_arm_read"), "{macros}");
}

#[test]
fn the_plain_names_are_those_of_the_system() {
    let Some(cc) = CCompiler::find() else { return skip("the C header", "there is no C compiler") };
    for (abi, flag) in [("x86_64", "-m64"), ("x32", "-mx32"), ("i386", "-m32")] {
        let header = export("c", &["--abi", abi]);
        // The system's own numbers for this ABI: asm/unistd.h needs no C library of that word size.
        let theirs = compile(&cc, "", &[flag, "-E", "-dM"], "#include <asm/unistd.h>\n").unwrap();
        let defined =
            theirs.lines().filter_map(|line| line.strip_prefix("#define __NR_")?.split_once(' '));
        // Older headers define it for the kernel, not for programs.
        let names: Vec<&str> =
            defined.map(|(name, _)| name).filter(|name| *name != "syscalls").collect();
        assert!(names.len() > 300, "{abi}: {}", names.len());
        let mut program = "#include <asm/unistd.h>\n#include \"calls.h\"\n".to_owned();
        for (at, name) in names.iter().enumerate() {
            equal(&mut program, at, &format!("__NR_{name}"), &format!("AIO_SYS_NR_{abi}_{name}"));
        }
        compile(&cc, &header, &["-std=c99", flag, "-fsyntax-only"], &program)
            .unwrap_or_else(|e| panic!("{abi}: {e}"));

        // Without other headers, the header defines every name.
        let tsv = export("tsv", &["--abi", abi]);
        let mut program = "#include \"calls.h\"\n".to_owned();
        for (at, [_, number, name, ..]) in parse_rows(&tsv).iter().enumerate() {
            equal(&mut program, 2 * at, &format!("__NR_{name}"), number);
            equal(&mut program, 2 * at + 1, &format!("SYS_{name}"), number);
        }
        compile(&cc, &header, &["-std=c99", flag, "-fsyntax-only"], &program)
            .unwrap_or_else(|e| panic!("{abi}: {e}"));

        // And none for another ABI's compiler.
        for other in ["-m64", "-mx32", "-m32"].into_iter().filter(|other| *other != flag) {
            let macros =
                compile(&cc, &header, &[other, "-E", "-dM"], "#include \"calls.h\"\n").unwrap();
            assert!(macros.contains(&format!("AIO_SYS_NR_{abi}_io_submit")));
            assert!(!macros.contains("__NR_") && !macros.contains("SYS_io"), "{abi} {other}");
        }
    }
    // A macro that other compilers do not know causes no warning.
    let macros = compile(
        &cc,
        &export("c", &["--abi", "mips-n32"]),
        &["-m32", "-E", "-dM"],
        "#include \"calls.h\"\n",
    );
    assert!(!macros.unwrap().contains("__NR_"));
    // The names of a C library are kept.
    let program = "#include <sys/syscall.h>\n#include \"calls.h\"\ntypedef char check[SYS_read == \
                   __NR_read ? 1 : -1];\n";
    compile(&cc, &export("c", &["--abi", "x86_64"]), &["-std=c99", "-fsyntax-only"], program)
        .unwrap();
}

#[test]
fn a_name_that_c_cannot_spell_is_refused() {
    let directory = edited("\"io_setup\"", "\"io setup\\n#error\"");
    let (status, stdout, stderr) = export_of(directory.path(), "c", &[]);
    assert_eq!(
        (status, stdout.as_str()),
        (export_of(TempDir::new().unwrap().path(), "c", &[]).0, "")
    );
    assert_eq!(stderr, "error: `io setup\\n#error` cannot be part of a macro's name\n");
    assert_eq!(export_of(directory.path(), "c", &["--abi", "x86_64"]).0, Some(0));
}

// Markdown.

/// The cells of all tables, as a reader sees them, their heads included.
fn tables_of(markdown: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut inside = false;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => {
                rows.last_mut().unwrap().push(String::new());
                inside = true;
            }
            Event::End(TagEnd::TableCell) => inside = false,
            Event::Text(text) | Event::Code(text) if inside => {
                *rows.last_mut().unwrap().last_mut().unwrap() += &text
            }
            Event::Start(tag) if inside => panic!("{tag:?} in a cell"),
            Event::Html(html) | Event::InlineHtml(html) => panic!("{html}"),
            _ => (),
        }
    }
    rows
}

#[test]
fn markdown_of_one_abi_has_its_calls() {
    let tsv = export("tsv", &["--abi", "x86_64"]);
    let cells = tables_of(&export("markdown", &["--abi", "x86_64"]));
    assert_eq!(cells[0], ["number", "name", "entry", "compat", "since", "until"]);
    assert_eq!(
        cells[1..],
        parse_rows(&tsv).iter().map(|row| row[1..].to_vec()).collect::<Vec<_>>()
    );
}

#[test]
fn markdown_of_several_has_their_numbers_side_by_side() {
    let tsv = export("tsv", &[]);
    let rows = parse_rows(&tsv);
    let mut wanted: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    let mut dates: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for &[abi, number, name, _, _, since, _] in &rows {
        assert_eq!(wanted.entry(name).or_default().insert(abi, number), None);
        dates.entry(name).or_default().insert(since);
    }
    let cells = tables_of(&export("markdown", &[]));
    assert_eq!(cells[0][0], "name");
    let (since, columns) = cells[0][1..].split_last().unwrap();
    assert_eq!(since, "since");
    assert_eq!(columns, abis(&rows));
    assert_eq!(
        cells[1..].iter().map(|row| row[0].as_str()).collect::<Vec<_>>(),
        wanted.keys().copied().collect::<Vec<_>>()
    );
    for row in &cells[1..] {
        let number = |abi| wanted[&*row[0]].get(abi).copied().unwrap_or("");
        let (since, numbers) = row[1..].split_last().unwrap();
        assert_eq!(numbers, abis(&rows).into_iter().map(number).collect::<Vec<_>>(), "{}", row[0]);
        assert!(dates[&*row[0]].contains(since.as_str()), "{}", row[0]);
        let older = "2.6.12 or earlier";
        assert_eq!(dates[&*row[0]].contains(older), since == older, "{}", row[0]);
    }
}

#[test]
fn markdown_shows_markup_as_it_stands() {
    let odd = [
        "a|b", "a`b", "`", "*a*", "<b>&amp;", "[a](b)", "a\\b", "__a__", "~~a~~", "", "# a",
        "a`|`b", "\\|`<",
    ];
    let named: Vec<String> = (1000..)
        .zip(odd)
        .map(|(nr, name)| format!("{{ nr = {nr}, tag = \"common\", name = '{name}' }},\n"))
        .collect();
    let directory = edited("syscalls = [\n", &format!("syscalls = [\n{}", named.concat()));
    for (more, column) in [(&[][..], 0), (&["--abi", "xtensa"], 1)] {
        let (status, markdown, stderr) = export_of(directory.path(), "markdown", more);
        assert_eq!(status, Some(0), "{stderr}");
        let cells = tables_of(&markdown);
        let missing = odd.iter().find(|name| !cells.iter().any(|row| row[column] == **name));
        assert_eq!(missing, None, "{more:?}");
    }
}

// HTML.

/// The tables in a page, as its script reads them.
fn data_of(page: &str) -> Value {
    let data = page.split_once("id=\"data\">\n").unwrap().1;
    parsed(data.split_once("</script>").unwrap().0)
}

/// The date of a cell in `tsv`: the first release in which the ABI of its column has the call.
fn dates(data: &Value, column: usize, since: usize) -> (String, String) {
    let release = |at: usize| data["releases"][at][0].as_str().unwrap();
    let follows = |at: usize| data["releases"][at][1].as_bool().unwrap();
    let abi = &data["abis"][column];
    let first = match (abi["older"].as_u64(), release(since)) {
        (Some(older), by) if older == since as u64 => format!("{by} or earlier"),
        (_, by) if follows(since) => by.to_owned(),
        (_, by) => format!("after {}, by {by}", release(since - 1)),
    };
    let last = abi["last"].as_u64().map(|last| release(last as usize).to_owned());
    (first, last.unwrap_or_default())
}

#[test]
fn the_page_has_the_rows_of_tsv() {
    for more in [&[][..], &["--header-names"]] {
        let tsv = export("tsv", more);
        let data = data_of(&export("html", more));
        let entry = |cell: &Value, at: usize| match cell
            .get(at)
            .map_or(-1, |index| index.as_i64().unwrap())
        {
            -1 => String::new(),
            index => data["entries"][index as usize].as_str().unwrap().to_owned(),
        };
        let mut found = Vec::new();
        for call in data["calls"].as_array().unwrap() {
            for (column, cell) in
                call[1].as_array().unwrap().iter().enumerate().filter(|(_, cell)| **cell != 0)
            {
                let word = |value: &Value| value.as_str().unwrap().to_owned();
                let number = cell[0].as_u64().unwrap().to_string();
                let abi = word(&data["abis"][column]["name"]);
                let (since, until) = dates(&data, column, cell[2].as_u64().unwrap() as usize);
                let [entry, compat] = [1, 3].map(|at| entry(cell, at));
                found.push([abi, number, word(&call[0]), entry, compat, since, until]);
            }
        }
        let mut wanted: Vec<_> = parse_rows(&tsv).iter().map(owned).collect();
        found.sort();
        wanted.sort();
        assert!(found == wanted, "{more:?}");
        // With earlier periods of calls that came back.
        let removed = export("tsv", &[more, &["--removed"]].concat());
        let removed =
            parse_rows(&removed).iter().filter(|row| !wanted.contains(&owned(row))).count();
        assert_eq!(data["removed"].as_array().unwrap().len(), removed, "{more:?}");
        assert!(removed > 300, "{removed}");
    }
}

#[test]
fn the_page_loads_nothing_and_is_small() {
    let page = export("html", &[]);
    for outside in [
        "http:",
        "https:",
        "//cdn",
        "url(",
        "@import",
        " src=",
        "fetch(",
        "XMLHttpRequest",
        "import(",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(page.len() < 600_000, "{} bytes", page.len());
    // Each of the three parts was inserted.
    assert!(
        page.contains("position: sticky")
            && page.contains("\"use strict\"")
            && !page.contains("<!-- ")
    );
}

#[test]
fn no_name_ends_the_script() {
    let odd = "</script><script>boom()</script><!-- page.js -->";
    let directory = edited("\"io_setup\"", &format!("'{odd}'"));
    let (status, page, stderr) = export_of(directory.path(), "html", &[]);
    assert_eq!(status, Some(0), "{stderr}");
    assert_eq!(page.matches("</script").count(), export("html", &[]).matches("</script").count());
    assert!(data_of(&page)["calls"].as_array().unwrap().iter().any(|call| call[0] == odd));
}
