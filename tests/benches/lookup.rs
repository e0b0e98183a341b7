//! Names to numbers and back: `aio_sys::Abi` against the `syscalls` crate and libseccomp, in one
//! run.
//!
//! `cargo bench -p aio-tests --features bench` prints two tables. The first is of medians: in each
//! round all contenders look up the same calls in the same random order, and run in a random order
//! themselves, so that disturbances affect all of them equally. The second is divan's, of the same
//! lookups in sequence.

use aio_sys::Abi;
use aio_tests::skip;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

/// Odd, so that the median is one of them.
const ROUNDS: usize = 301;
/// How often a round goes through the calls.
const TIMES: usize = 10;

/// A call to look up, in the form for each side.
#[derive(Clone)]
struct Wanted {
    name: String,
    c_name: CString,
    number: u32,
}

impl Wanted {
    fn new(name: &str, number: u32) -> Wanted {
        Wanted {
            name: name.to_owned(),
            c_name: CString::new(name).expect("no name has a NUL"),
            number,
        }
    }
}

/// The installed libseccomp.
struct Seccomp {
    resolve_name: unsafe extern "C" fn(u32, *const c_char) -> c_int,
    resolve_number: unsafe extern "C" fn(u32, c_int) -> *mut c_char,
}

static SECCOMP: LazyLock<Option<Seccomp>> = LazyLock::new(|| {
    // SAFETY: the library's initialisers have no requirements.
    let library = unsafe { libc::dlopen(c"libseccomp.so.2".as_ptr(), libc::RTLD_NOW) };
    if library.is_null() {
        return None;
    }
    let symbol = |name: &CStr| {
        // SAFETY: the library is loaded, and never unloaded.
        let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
        (!symbol.is_null()).then_some(symbol)
    };
    let (name, number) = (
        symbol(c"seccomp_syscall_resolve_name_arch")?,
        symbol(c"seccomp_syscall_resolve_num_arch")?,
    );
    // SAFETY: the types are those of seccomp.h.
    Some(unsafe {
        Seccomp {
            resolve_name: std::mem::transmute::<
                *mut c_void,
                unsafe extern "C" fn(u32, *const c_char) -> c_int,
            >(name),
            resolve_number: std::mem::transmute::<
                *mut c_void,
                unsafe extern "C" fn(u32, c_int) -> *mut c_char,
            >(number),
        }
    })
});

impl Seccomp {
    fn number(&self, token: u32, name: &CStr) -> Option<u32> {
        // SAFETY: the name ends in a NUL.
        let number = unsafe { (self.resolve_name)(token, name.as_ptr()) };
        u32::try_from(number).ok()
    }

    /// Whether the number has a name. That is a copy from `malloc`.
    fn has_name(&self, token: u32, number: u32) -> bool {
        // SAFETY: any number is allowed.
        let name = unsafe { (self.resolve_number)(token, number as c_int) };
        // SAFETY: seccomp.h says that the caller frees it; NULL may be freed.
        unsafe { libc::free(name.cast()) };
        !name.is_null()
    }
}

/// Looks up each of the calls once.
type LookUp = Box<dyn Fn(&[Wanted])>;

fn each<T>(look_up: impl Fn(&Wanted) -> T + 'static) -> LookUp {
    Box::new(move |calls| {
        for call in calls {
            black_box(look_up(black_box(call)));
        }
    })
}

/// A contender: lookups by name and by number.
struct Side {
    who: &'static str,
    number: LookUp,
    name: LookUp,
}

/// The contest for one ABI: the sides, calls that all of them know, and calls that none of them
/// knows.
struct Contest {
    abi: Abi,
    sides: Vec<Side>,
    hits: Vec<Wanted>,
    misses: Vec<Wanted>,
}

macro_rules! contest {
    ($abi:expr, $sysno:ty, $token:expr) => {{
        let theirs = |name: &str| name.parse::<$sysno>().ok().map(|call| call.id() as u32);
        let mut sides = vec![
            Side {
                who: "aio-sys",
                number: each(|w| $abi.number(&w.name)),
                name: each(|w| $abi.name(w.number)),
            },
            Side {
                who: "syscalls",
                number: each(move |w| theirs(&w.name)),
                name: each(|w| <$sysno>::new(w.number as usize).map(|call| call.name())),
            },
        ];
        if let Some(seccomp) = &*SECCOMP {
            sides.push(Side {
                who: "libseccomp",
                number: each(|w| seccomp.number($token, &w.c_name)),
                name: each(|w| seccomp.has_name($token, w.number)),
            });
        }
        let seccomp =
            |w: &Wanted| SECCOMP.as_ref().map(|seccomp| seccomp.number($token, &w.c_name));
        let mut hits: Vec<_> =
            $abi.calls().map(|call| Wanted::new(call.name, call.number)).collect();
        hits.retain(|w| {
            theirs(&w.name) == Some(w.number)
                && seccomp(w).is_none_or(|found| found == Some(w.number))
        });
        // Calls of other ABIs, and numbers beyond those of any.
        let others = Abi::ALL.iter().flat_map(|abi| abi.calls());
        let mut misses: Vec<_> =
            others.map(|call| Wanted::new(call.name, call.number % 1000 + 1000)).collect();
        misses.sort_by(|a, b| a.name.cmp(&b.name));
        misses.dedup_by(|a, b| a.name == b.name);
        misses.retain(|w| {
            $abi.number(&w.name).is_none()
                && theirs(&w.name).is_none()
                && seccomp(w).is_none_or(|found| found.is_none())
        });
        Contest { abi: $abi, sides, hits, misses }
    }};
}

fn contests() -> [Contest; 2] {
    // The numbers are AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h.
    [
        contest!(Abi::X86_64, syscalls::x86_64::Sysno, 0xc000_003e),
        contest!(Abi::Aarch64, syscalls::aarch64::Sysno, 0xc000_00b7),
    ]
}

/// Random numbers of low quality (xorshift).
struct Random(u64);

impl Random {
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            items.swap(last, (self.0 % (last as u64 + 1)) as usize);
        }
    }
}

/// The median nanoseconds per lookup, for each side.
fn medians(sides: &[&LookUp], calls: &[Wanted], random: &mut Random) -> Vec<f64> {
    let mut times = vec![Vec::new(); sides.len()];
    let (mut calls, mut order) = (calls.to_vec(), (0..sides.len()).collect::<Vec<_>>());
    for _ in 0..ROUNDS {
        random.shuffle(&mut calls);
        random.shuffle(&mut order);
        for &side in &order {
            let start = Instant::now();
            (0..TIMES).for_each(|_| sides[side](&calls));
            times[side].push(start.elapsed().as_nanos() as f64 / (TIMES * calls.len()) as f64);
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    times.iter().map(|times| times[times.len() / 2]).collect()
}

const EVERYONE: [&str; 3] = ["aio-sys", "syscalls", "libseccomp"];

fn divan_s(bencher: Bencher<'_, '_>, who: &str, of: fn(&Side) -> &LookUp) {
    let [Contest { sides, hits, .. }, _] = contests();
    if let Some(side) = sides.iter().find(|side| side.who == who) {
        bencher.counter(ItemsCount::new(hits.len())).bench_local(|| of(side)(&hits));
    }
}

#[divan::bench(args = EVERYONE)]
fn x86_64_name_to_number(bencher: Bencher<'_, '_>, who: &str) {
    divan_s(bencher, who, |side| &side.number);
}

#[divan::bench(args = EVERYONE)]
fn x86_64_number_to_name(bencher: Bencher<'_, '_>, who: &str) {
    divan_s(bencher, who, |side| &side.name);
}

fn main() {
    let seed = SystemTime::UNIX_EPOCH.elapsed().map_or(1, |time| time.as_nanos() as u64);
    let mut random = Random(seed | 1);
    if SECCOMP.is_none() {
        skip("look-ups of libseccomp", "no libseccomp.so.2");
    }
    println!(
        "ns per look-up, median of {ROUNDS} rounds; behind it how many times that of aio-sys\n"
    );
    for Contest { abi, sides, hits, misses } in contests() {
        for (what, calls) in [("known", &hits), ("unknown", &misses)] {
            for (direction, look_ups) in [
                ("name to number", sides.iter().map(|side| &side.number).collect::<Vec<_>>()),
                ("number to name", sides.iter().map(|side| &side.name).collect()),
            ] {
                let times = medians(&look_ups, calls, &mut random);
                print!("{:8} {direction}, {:4} {what:8}", abi.as_str(), calls.len());
                for (side, time) in sides.iter().zip(&times) {
                    print!("{:>12} {time:7.2} ({:5.1})", side.who, time / times[0]);
                }
                println!();
            }
        }
    }
    println!();
    divan::main();
}
