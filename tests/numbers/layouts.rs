//! Structures and constants against the C compiler's view of the kernel's headers, for the word
//! size of this build.

use aio_sys::types::{self, io_event, iocb};
use aio_sys::{Errno, nr};
use aio_tests::{CCompiler, skip};
use std::fmt::Write as _;
use std::mem::offset_of;

#[test]
fn the_c_compiler_sees_the_same_structures_and_constants() {
    let Some(cc) = CCompiler::find() else { return skip("linux/aio_abi.h", "no C compiler") };
    let includes = "#include <linux/aio_abi.h>\n#include <asm/errno.h>\n#include <asm/unistd.h>\n";
    let word = if cfg!(target_pointer_width = "64") { "-m64" } else { "-m32" };
    if let Err(why) = cc.run(&[word, "-fsyntax-only"], includes) {
        return skip("linux/aio_abi.h", &why);
    }
    let mut c = includes.to_owned();
    let mut claim = |expression: String, value: isize| {
        let _ = writeln!(c, "_Static_assert(({expression}) == {value}, \"{expression}\");");
    };
    claim("sizeof(struct iocb)".into(), size_of::<iocb>() as isize);
    claim("sizeof(struct io_event)".into(), size_of::<io_event>() as isize);
    macro_rules! offsets {
        ($($type:ident: $($field:ident)*;)*) => {$($({
            let (of, field) = (stringify!($type), stringify!($field));
            let expression = format!("__builtin_offsetof(struct {of}, {field})");
            claim(expression, offset_of!($type, $field) as isize);
        })*)*};
    }
    offsets! {
        iocb: aio_data aio_key aio_rw_flags aio_lio_opcode aio_reqprio aio_fildes aio_buf
            aio_nbytes aio_offset aio_reserved2 aio_flags aio_resfd;
        io_event: data obj res res2;
    }
    macro_rules! constants {
        ($($name:ident)*) => {$( claim(stringify!($name).into(), types::$name as isize); )*};
    }
    constants! {
        IOCB_CMD_PREAD IOCB_CMD_PWRITE IOCB_CMD_FSYNC IOCB_CMD_FDSYNC IOCB_CMD_POLL IOCB_CMD_NOOP
        IOCB_CMD_PREADV IOCB_CMD_PWRITEV IOCB_FLAG_RESFD IOCB_FLAG_IOPRIO RWF_HIPRI RWF_DSYNC
        RWF_SYNC RWF_NOWAIT RWF_APPEND
    }
    claim("__NR_io_submit".into(), nr::SYS_io_submit as isize);
    let mut errnos = 0;
    for number in 1..=133 {
        if let Some(name) = Errno::decode(-number).unwrap_err().name() {
            claim(name.into(), number);
            errnos += 1;
        }
    }
    assert!(errnos > 120, "only {errnos} error numbers have names");
    if let Err(error) = cc.run(&[word, "-fsyntax-only"], &c) {
        panic!("{error}");
    }
}
