//! `Serialize` and `Deserialize`, without `derive`, so that serde's proc macros are not built.

#[cfg(feature = "all-abis")]
use crate::lookup::Abi;
use crate::sys::errno::Errno;
use core::fmt;
use serde_core::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde_core::ser::{Serialize, Serializer};

/// Serializes the name, which means the same on every ABI. In formats that are not human-readable,
/// and if it has no name, serializes the number on the target.
impl Serialize for Errno {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name() {
            Some(name) if serializer.is_human_readable() => serializer.serialize_str(name),
            _ => serializer.serialize_u16(self.get()),
        }
    }
}

/// Deserializes a name or a number; in formats that are not human-readable, the number.
impl<'de> Deserialize<'de> for Errno {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Errno, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(ErrnoVisitor)
        } else {
            deserializer.deserialize_u16(ErrnoVisitor)
        }
    }
}

struct ErrnoVisitor;

impl Visitor<'_> for ErrnoVisitor {
    type Value = Errno;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or number of an error")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Errno, E> {
        Errno::from_name(name).ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Errno, E> {
        let errno = i32::try_from(number).ok().and_then(Errno::from_raw_os_error);
        errno.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

/// Serializes the name.
#[cfg(feature = "all-abis")]
impl Serialize for Abi {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Deserializes a name.
#[cfg(feature = "all-abis")]
impl<'de> Deserialize<'de> for Abi {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Abi, D::Error> {
        deserializer.deserialize_str(AbiVisitor)
    }
}

#[cfg(feature = "all-abis")]
struct AbiVisitor;

#[cfg(feature = "all-abis")]
impl Visitor<'_> for AbiVisitor {
    type Value = Abi;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an ABI")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Abi, E> {
        name.parse().map_err(|error| E::custom(format_args!("`{name}`: {error}")))
    }
}
