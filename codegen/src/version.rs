//! Versions of the kernel.

use crate::Error;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A kernel version, spelled as in the kernel source. Versions are ordered by release: `7.3.0-rc4`
/// comes before `7.3.0`.
#[derive(Clone, Debug)]
pub struct Version(String);

impl Version {
    /// `7.2.13`, `7.3.0-rc4`, or a series such as `6.12`. A distribution's suffix is kept, but
    /// ignored in comparisons.
    pub fn new(linux: impl Into<String>) -> Version {
        Version(linux.into())
    }

    /// The original text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The series: 7 and 2 of `7.2.13`. That of Linux 2.6 has three numbers.
    pub fn series(&self) -> [u32; 3] {
        let [major, minor, third] = self.key().0;
        [major, minor, if major < 3 { third } else { 0 }]
    }

    /// The mainline release of its series: 7.2 of `7.2.13`, 2.6.39 of `2.6.39.3`.
    #[cfg(feature = "cli")]
    pub fn release(&self) -> Version {
        Version::of(self.series())
    }

    /// Whether it is a stable update of its release.
    #[cfg(feature = "cli")]
    pub fn is_stable(&self) -> bool {
        let mut numbers = split(&self.0).0.split('.');
        let update = numbers.nth(if self.series()[0] < 3 { 3 } else { 2 });
        update.is_some_and(|update| update.parse::<u32>().is_ok_and(|update| update > 0))
    }

    #[cfg(feature = "cli")]
    fn of([major, minor, third]: [u32; 3]) -> Version {
        let third = if major < 3 { format!(".{third}") } else { String::new() };
        Version(format!("{major}.{minor}{third}"))
    }

    /// The releases between two.
    #[cfg(feature = "cli")]
    pub fn between(older: &Version, newer: &Version) -> Vec<Version> {
        /// The last release of each major version.
        const LAST: [[u32; 3]; 5] = [[2, 6, 39], [3, 19, 0], [4, 20, 0], [5, 19, 0], [6, 19, 0]];
        let next = |release: [u32; 3]| match release {
            [major, ..] if LAST.contains(&release) => [major + 1, 0, 0],
            [2, 6, third] => [2, 6, third + 1],
            [major, minor, _] => [major, minor + 1, 0],
        };
        let (mut release, newer) = (next(older.series()), newer.series());
        let mut between = Vec::new();
        // Which release is the last of the newest major version is not known yet.
        while release < newer && (release[0] == newer[0] || release <= LAST[LAST.len() - 1]) {
            between.push(Version::of(release));
            release = next(release);
        }
        between
    }

    /// The three numbers, and that of the release candidate; a release is ordered after its
    /// candidates.
    fn key(&self) -> ([u32; 3], u32) {
        let (numbers, suffix) = split(&self.0);
        let mut parts = numbers.split('.').map_while(|part| part.parse().ok());
        let numbers = std::array::from_fn(|_| parts.next().unwrap_or(0));
        let candidate = suffix.strip_prefix("-rc").and_then(|number| number.parse().ok());
        (numbers, candidate.unwrap_or(u32::MAX))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses a version that a user typed: two to four numbers, and optionally a suffix that begins
/// with `-`, `+` or `~`, as `uname -r` prints it. It may begin with a `v`, as the kernel's tags do.
impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Version, Error> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (numbers, suffix) = split(text);
        let parts: Vec<&str> = numbers.split('.').collect();
        // `parse` would also accept a sign.
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let number = |part: &&str| digits(part) && part.parse::<u32>().is_ok();
        let known = |c: char| c.is_ascii_alphanumeric() || "-._+~".contains(c);
        let word = suffix != "-" && suffix.chars().all(known);
        if (2..=4).contains(&parts.len()) && parts.iter().all(number) && word {
            return Ok(Version::new(text));
        }
        Err(Error::plain("expected a kernel version such as 6.12, 7.2.13 or 7.3.0-rc4"))
    }
}

/// The numbers, and the suffix of a release candidate or a distribution.
fn split(version: &str) -> (&str, &str) {
    version.split_at(version.find(['-', '+', '~']).unwrap_or(version.len()))
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn kernels_follow_one_another() {
        let order =
            ["4.19.0", "6.1.176", "6.9.0", "6.12.107", "7.2.0-rc1", "7.2.0-rc10", "7.2", "7.2.13"];
        for (at, version) in order.iter().enumerate() {
            for (other_at, other) in order.iter().enumerate() {
                assert_eq!(
                    Version::new(*version).cmp(&Version::new(*other)),
                    at.cmp(&other_at),
                    "{version} {other}"
                );
            }
        }
        assert_eq!(Version::new("7.2.0"), Version::new("7.2"));
        for debian in ["7.2.13-amd64", "7.2.13+deb14-amd64"] {
            assert_eq!(Version::new(debian), Version::new("7.2.13"));
        }
    }

    #[test]
    fn releases_between_two_are_counted() {
        let between = |older, newer| {
            let found = Version::between(&Version::new(older), &Version::new(newer));
            found.iter().map(Version::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(between("2.6.12", "2.6.16.1"), "2.6.13 2.6.14 2.6.15");
        assert_eq!(between("2.6.38", "3.1"), "2.6.39 3.0");
        assert_eq!(between("3.18.20", "4.0"), "3.19");
        for (older, newer) in [("2.6.39", "3.0"), ("4.20", "5.0"), ("5.12", "5.13"), ("7.9", "8.0")]
        {
            assert_eq!(between(older, newer), "");
        }
        assert_eq!(between("6.14.0", "6.17.0"), "6.15 6.16");
        assert_eq!(between("6.18", "7.2.1"), "6.19 7.0 7.1");
    }

    #[test]
    fn typed_versions_are_parsed() {
        let typed = "6.12 7.2.13 7.3.0-rc4 7.3-rc4 6.1.0-42-amd64 6.12.107+deb13-amd64 2.6.32.71 \
                     4.18.0-553.el8_10.x86_64 6.6.87.2-microsoft-standard-WSL2 7.3.0-rc4+";
        for text in typed.split(' ') {
            let version = text.parse::<Version>().map(|version| version.to_string());
            assert_eq!(version, Ok(text.to_owned()));
            let tag = format!("v{text}").parse::<Version>().map(|version| version.to_string());
            assert_eq!(tag, Ok(text.to_owned()));
        }
        let words = "abc 7 7. .2 7.x vv7.2 V7.2 v-7.2 v +7.2 -1.2 7.2- 7.2. 7.2.1.3.4 7.4294967296 \
                     7.2deb13 ７.2";
        for text in words.split(' ').chain(["", "7.2 ", "7.2-a b", "7.2-\""]) {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_stable_update_follows_its_release() {
        for (text, stable) in [
            ("6.12", false),
            ("6.12.0", false),
            ("7.3.0-rc4", false),
            ("2.6.39", false),
            ("2.6.39.3", true),
            ("4.4.11+", true),
            ("4.2.8-ckt12", true),
        ] {
            assert_eq!(Version::new(text).is_stable(), stable, "{text}");
        }
    }

    #[test]
    fn a_series_is_the_first_two_numbers() {
        assert_eq!(Version::new("6.12.107").series(), [6, 12, 0]);
        assert_eq!(Version::new("7.3-rc4").series(), [7, 3, 0]);
        assert_eq!(Version::new("2.6.39.3").series(), [2, 6, 39]);
    }
}
