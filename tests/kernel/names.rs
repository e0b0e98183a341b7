//! A glob import of the crate changes no method of the standard library.

#![allow(clippy::useless_conversion, clippy::useless_vec)]

use aio_sys::*;
use std::borrow::{Borrow, BorrowMut, Cow};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr};
use std::io::{Cursor, Read, Seek, Write};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

#[test]
fn methods_of_std_are_not_hidden() {
    let _: fn(isize) -> Result<usize, Errno> = Errno::decode;
    let mut command = Command::new("x");
    command.arg("y").arg0("z").args(["a", "b"]).env("k", "v").current_dir("/");
    assert_eq!(command.get_args().collect::<Vec<_>>(), ["y", "a", "b"]);
    assert_eq!(command.get_program(), OsStr::new("x"));

    let mut vec = vec![3u8, 1, 2];
    vec.sort();
    vec.push(4);
    assert_eq!((vec.len(), vec.first(), vec.iter().sum::<u8>()), (4, Some(&1), 10));
    assert_eq!(vec.as_mut_ptr().cast_const(), vec.as_ptr());
    assert_eq!(vec.as_slice(), [1, 2, 3, 4]);
    let slice: &[u8] = vec.borrow();
    assert_eq!(slice.to_vec().into_boxed_slice().into_vec(), vec);
    let slice: &mut [u8] = vec.borrow_mut();
    slice.fill(7);
    assert_eq!(vec.as_ref() as &[u8], [7; 4]);

    let mut cursor = Cursor::new(Vec::new());
    cursor.write_all(b"abc").unwrap();
    cursor.rewind().unwrap();
    let mut text = String::new();
    assert_eq!(cursor.read_to_string(&mut text).unwrap(), 3);
    assert_eq!(text.as_str().to_owned().into_bytes(), b"abc");
    assert_eq!(text.parse::<u8>().ok().or(Some(1)).map(u64::from).unwrap(), 1u64.into());

    let owned: Cow<'_, CStr> = CString::new("abc").unwrap().into();
    assert_eq!(owned.to_bytes().len(), owned.count_bytes());
    let number: u64 = 5u32.into();
    assert_eq!(number.try_into(), Ok(5u16));
    assert_eq!(5i32.cmp(&6).then(1.cmp(&2)).is_lt(), 5 < 6);
    assert_eq!(BTreeMap::from([(1, 2)]).get(&1).copied(), Some(2));
}
