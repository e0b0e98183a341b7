//! The parts of `core` and of `aio_sys::abi` that the stubs need, so that they compile for a target
//! without a standard library. `mod stub` and the program are appended.

#![feature(
    arbitrary_self_types,
    asm_experimental_arch,
    auto_traits,
    decl_macro,
    lang_items,
    no_core,
    repr_simd,
    rustc_attrs
)]
#![no_core]
#![rustc_coherence_is_core]
#![allow(dead_code, internal_features, non_camel_case_types, unused_imports)]
#![crate_type = "lib"]

extern crate self as core;

use abi::Word;
use ffi::c_long;

// Newer compilers need these two; older ones do not know them.
#[cfg_attr(sized_hierarchy, lang = "pointee_sized")]
pub trait PointeeSized {}
#[cfg_attr(sized_hierarchy, lang = "meta_sized")]
pub trait MetaSized: PointeeSized {}

#[cfg(sized_hierarchy)]
#[lang = "sized"]
pub trait Sized: MetaSized {}
#[cfg(not(sized_hierarchy))]
#[lang = "sized"]
pub trait Sized {}

#[lang = "legacy_receiver"]
pub trait LegacyReceiver {}
impl<T> LegacyReceiver for &T {}

#[lang = "freeze"]
unsafe auto trait Freeze {}

#[lang = "copy"]
pub trait Copy {}
impl<T> Copy for *mut T {}
impl<T> Copy for *const T {}
impl<T> Copy for &T {}
impl<T, const LENGTH: usize> Copy for [T; LENGTH] {}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Copy for $number {}
    )*};
}
numbers!(bool u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64);

/// An operator of the language, which is a trait to the compiler even for the types that it knows
/// itself.
macro_rules! operator {
    ($item:literal $trait:ident $method:ident $operator:tt: $($number:ty)*) => {
        #[lang = $item]
        pub trait $trait<Right = Self> {
            type Output;
            fn $method(self, right: Right) -> Self::Output;
        }
        $(impl $trait for $number {
            type Output = $number;
            fn $method(self, right: $number) -> $number {
                self $operator right
            }
        })*
    };
}
operator!("add" Add add +: usize isize i64);
operator!("sub" Sub sub -: usize isize i64);
operator!("mul" Mul mul *: usize isize i64);
operator!("shr" Shr shr >>: usize isize i64);

/// Operators that change their left side.
#[lang = "sub_assign"]
pub trait SubAssign<Right = Self> {
    fn sub_assign(&mut self, right: Right);
}
impl SubAssign for usize {
    fn sub_assign(&mut self, right: usize) {
        *self -= right
    }
}

#[lang = "neg"]
pub trait Neg {
    type Output;
    fn neg(self) -> Self::Output;
}
impl Neg for isize {
    type Output = isize;
    fn neg(self) -> isize {
        -self
    }
}

#[lang = "eq"]
pub trait PartialEq<Right = Self> {
    fn eq(&self, right: &Right) -> bool;
    fn ne(&self, right: &Right) -> bool;
}
#[lang = "partial_ord"]
pub trait PartialOrd<Right = Self> {
    fn lt(&self, right: &Right) -> bool;
    fn le(&self, right: &Right) -> bool;
    fn gt(&self, right: &Right) -> bool;
    fn ge(&self, right: &Right) -> bool;
}
macro_rules! comparisons {
    ($($number:ty)*) => {$(
        impl PartialEq for $number {
            fn eq(&self, right: &$number) -> bool {
                *self == *right
            }
            fn ne(&self, right: &$number) -> bool {
                *self != *right
            }
        }
        impl PartialOrd for $number {
            fn lt(&self, right: &$number) -> bool {
                *self < *right
            }
            fn le(&self, right: &$number) -> bool {
                *self <= *right
            }
            fn gt(&self, right: &$number) -> bool {
                *self > *right
            }
            fn ge(&self, right: &$number) -> bool {
                *self >= *right
            }
        }
    )*};
}
comparisons!(u8 u32 u64 usize i32 i64 isize f64);

impl<T, const LENGTH: usize> [T; LENGTH] {
    pub const fn as_ptr(&self) -> *const T {
        &raw const *self as *const T
    }
}

/// 128 bits, which a CPU may keep in a vector register.
#[cfg(target_pointer_width = "64")]
#[repr(simd)]
pub struct Vector([u64; 2]);
#[cfg(target_pointer_width = "32")]
#[repr(simd)]
pub struct Vector([u32; 4]);
impl Copy for Vector {}

pub mod arch {
    #[rustc_builtin_macro]
    pub macro asm("text", $(operand,)* $(options($(option),*))?) {}
    #[rustc_builtin_macro]
    pub macro global_asm("text", $(operand,)* $(options($(option),*))?) {}
}

pub mod ffi {
    #[cfg(target_pointer_width = "64")]
    pub type c_long = i64;
    #[cfg(target_pointer_width = "32")]
    pub type c_long = i32;
    pub type c_void = u8;
}

impl u64 {
    #[inline(always)]
    pub fn from(value: u32) -> u64 {
        value as u64
    }
}

/// What the stubs use of `aio_sys::abi`.
pub mod abi {
    use crate::{Copy, ffi};

    #[repr(transparent)]
    pub struct Word(*mut u8);
    impl Copy for Word {}

    pub trait Value {
        fn word(self) -> *mut u8;
    }
    impl Value for ffi::c_long {
        #[inline(always)]
        fn word(self) -> *mut u8 {
            self as *mut u8
        }
    }
    impl Value for *const ffi::c_void {
        #[inline(always)]
        fn word(self) -> *mut u8 {
            self as *mut u8
        }
    }

    impl Word {
        #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "32")))]
        #[inline(always)]
        pub fn register(self) -> *mut u8 {
            self.0
        }

        #[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
        #[inline(always)]
        pub fn register(self) -> u64 {
            self.0 as usize as u64
        }

        #[inline(always)]
        pub fn from<T: Value>(value: T) -> Word {
            Word(value.word())
        }
    }
}
