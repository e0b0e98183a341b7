//! How the kernel declares its entry points.

use crate::lookup::data;
use core::fmt;

/// The prototype of an entry point. Displayed as the list of its arguments in C.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Prototype(pub(super) u16);

impl Prototype {
    /// How many arguments it has.
    pub const fn len(self) -> usize {
        self.arguments().1
    }

    /// Whether it has none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Where its arguments begin, and how many there are.
    const fn arguments(self) -> (usize, usize) {
        let begin = data::PROTOTYPE_ARGUMENTS[self.0 as usize] as usize;
        (begin, data::PROTOTYPE_ARGUMENTS[self.0 as usize + 1] as usize - begin)
    }

    /// The argument at this position, from 0.
    pub const fn argument(self, at: usize) -> Option<Argument> {
        let (begin, count) = self.arguments();
        if at >= count {
            return None;
        }
        let ctype = data::TYPES.get(data::ARGUMENT_TYPE[begin + at]);
        match (ctype, data::ARGUMENT_NAMES.get(data::ARGUMENT_NAME[begin + at])) {
            (Some(ctype), Some(name)) => Some(Argument { ctype, name }),
            _ => None,
        }
    }

    /// Its arguments.
    pub fn args(self) -> impl ExactSizeIterator<Item = Argument> + DoubleEndedIterator + Clone {
        (0..self.len()).map(move |at| self.argument(at).unwrap_or(Argument { ctype: "", name: "" }))
    }

    /// The line of the definition in [`source`](Prototype::source), from 1.
    pub const fn line(self) -> u32 {
        data::PROTOTYPE_LINE[self.0 as usize]
    }

    /// The Kconfig condition under which a kernel has the entry point; otherwise the system call
    /// returns `ENOSYS`. `None` if every kernel has it.
    ///
    /// ```
    /// use aio_sys::Abi;
    ///
    /// assert_eq!(Abi::X86_64.prototype(209).unwrap().optional(), Some("CONFIG_AIO"));
    /// assert_eq!(Abi::X86_64.prototype(0).unwrap().optional(), None);
    /// ```
    pub const fn optional(self) -> Option<&'static str> {
        data::CONDITIONS.get(data::PROTOTYPE_OPTIONAL[self.0 as usize])
    }

    /// The file of the kernel's source that defines the entry point.
    pub const fn source(self) -> &'static str {
        match data::SOURCES.get(data::PROTOTYPE_SOURCE[self.0 as usize]) {
            Some(source) => source,
            None => "",
        }
    }
}

impl fmt::Display for Prototype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, argument) in self.args().enumerate() {
            write!(f, "{}{argument}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Prototype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prototype({self}; {}:{})", self.source(), self.line())
    }
}

/// An argument of a [`Prototype`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its type in C, `__user` included.
    pub ctype: &'static str,
    /// Its name.
    pub name: &'static str,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ctype, self.name)
    }
}
