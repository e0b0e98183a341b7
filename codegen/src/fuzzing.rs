//! Entry points for the fuzzer (`codegen/fuzz`): each accepts any bytes and returns tables or an
//! error message.

use crate::import::fuzzing::{self, TABLES};
use crate::{Error, Tables, emit, lower};

pub use fuzzing::{header, known, prototypes, table, tree};

/// Parses the text as each kind of table; what can be read is emitted, too.
pub fn toml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    for kind in
        ["absent.toml", "prototypes.toml", "errno.toml", "uapi.toml", "lookup.toml", "i386.toml"]
    {
        let tables = TABLES.with(vec![(kind.to_owned(), text.clone())]);
        let read = || match kind {
            "absent.toml" => tables.absent().map(drop),
            "prototypes.toml" => tables.prototypes().map(drop),
            "errno.toml" => tables.errnos("x86").map(drop),
            "uapi.toml" => tables.constants().map(drop),
            "lookup.toml" => tables.lookup_constants().map(drop),
            _ => tables.table("i386").map(drop),
        };
        let abi = tables.abi("i386").expect("it is there");
        let lowered = read().and_then(|()| lower::target(&tables, abi));
        let emitted = lowered.map(|target| drop(emit::target(&target)));
        check_message(emitted);
    }
    check_message(
        Tables::new(vec![("abis.toml".to_owned(), "hostile.toml".to_owned(), text.into())])
            .map(drop),
    );
}

fn check_message(result: Result<(), Error>) {
    if let Err(error) = result {
        assert!(!error.what.is_empty(), "an error without a message");
    }
}
