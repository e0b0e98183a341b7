//! The layout of the file.
//!
//! The first block identifies a log. A group of records, which is written at once, begins at a
//! block and fills whole ones. So no block with records is written again, and a torn write damages
//! only itself. A group is records, one after the other, then zeros:
//!
//! | bytes | |
//! |---|---|
//! | 4 | length of the record, these 8 bytes included, little-endian; 0 if there is no record |
//! | 4 | CRC-32 of the record's number as 8 bytes, the length as above, and the line |
//! | length − 8 | the line |
//! | 0 to 7 | zeros: each record begins at a multiple of 8, and no header lies across two blocks |
//!
//! The number is not stored. It is part of the checksum, so that a record is only accepted after
//! the one before it: not behind a gap, which is left when a later write reached the disk and an
//! earlier one did not. Behind the last group there is nothing, or zeros.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::mem;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A multiple of the block size of every disk.
pub const BLOCK: usize = 4096;
/// Bytes of a group at most.
pub const GROUP: usize = 64 * BLOCK;
const HEADER: usize = 8;
/// Bytes of a line at most.
pub const LINE: usize = GROUP - HEADER;
/// The start of the first block; the rest of it is zeros.
const MAGIC: &[u8] = b"aio-sys write-ahead log 1\n";

/// Writes a record to the start of `room`, and returns its length there; `None` if `room` is too
/// small.
pub fn encode(number: u64, line: &[u8], room: &mut [u8]) -> Option<usize> {
    let len = HEADER + line.len();
    let record = room.get_mut(..len.next_multiple_of(HEADER))?;
    let length = (len as u32).to_le_bytes();
    record[..4].copy_from_slice(&length);
    record[4..HEADER].copy_from_slice(&sum(number, length, line).to_le_bytes());
    record[HEADER..len].copy_from_slice(line);
    record[len..].fill(0);
    Some(record.len())
}

fn sum(number: u64, length: [u8; 4], line: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&length);
    hasher.update(line);
    hasher.finalize()
}

/// Reads the records in order.
pub struct Reader {
    input: BufReader<File>,
    /// The position in the file.
    at: u64,
    end: u64,
    number: u64,
    line: Vec<u8>,
}

/// What comes next.
pub enum Found<'a> {
    Record(u64, &'a [u8]),
    /// The log ends with a complete record.
    End,
    /// The log ends here, with something that is not a record.
    Torn,
}

/// The first block.
pub fn first() -> [u8; BLOCK] {
    let mut first = [0; BLOCK];
    first[..MAGIC.len()].copy_from_slice(MAGIC);
    first
}

/// Whether the creation of a log was cut off by a power failure: a part of the first block, the
/// rest zeros or missing, and nothing behind. It cannot have had a record.
pub fn is_begun(file: &File) -> io::Result<bool> {
    let mut bytes = [0; BLOCK];
    // After a short read the rest is zeros, as if it were missing.
    file.read_at(&mut bytes, 0)?;
    let alike = bytes.iter().zip(first()).all(|(&byte, wanted)| byte == wanted || byte == 0);
    Ok(alike && bytes != first() && file.metadata()?.len() <= BLOCK as u64)
}

impl Reader {
    /// `None` if it is not a log.
    pub fn open(file: File) -> io::Result<Option<Reader>> {
        let begun = is_begun(&file)?;
        let input = BufReader::with_capacity(GROUP, file);
        let mut reader = Reader { input, at: 0, end: BLOCK as u64, number: 0, line: Vec::new() };
        let mut bytes = [0; BLOCK];
        reader.read(&mut bytes)?;
        reader.at = BLOCK as u64;
        Ok((begun || bytes == first()).then_some(reader))
    }

    /// Where the last record ends that was read.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The number of that record; 0 if there is none.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn next(&mut self) -> io::Result<Found<'_>> {
        let mut header = [0; HEADER];
        loop {
            let in_block = self.at % BLOCK as u64;
            self.read(&mut header)?;
            if header != [0; HEADER] {
                break;
            }
            if in_block == 0 {
                return Ok(Found::End);
            }
            // The group ends here. The next one begins at a block.
            self.skip_to(BLOCK as u64)?;
        }
        let [length, sum_found] =
            [&header[..4], &header[4..]].map(|half| half.try_into().expect("four bytes"));
        let len = u32::from_le_bytes(length) as usize;
        if !(HEADER..=GROUP).contains(&len) {
            return Ok(Found::Torn);
        }
        // Cleared of the line before, of which a line that is cut off would leave a part.
        let mut line = mem::take(&mut self.line);
        line.clear();
        line.resize(len - HEADER, 0);
        let got = self.read(&mut line)?;
        self.line = line;
        if got < self.line.len()
            || sum(self.number + 1, length, &self.line) != u32::from_le_bytes(sum_found)
        {
            return Ok(Found::Torn);
        }
        self.end = self.at;
        self.number += 1;
        self.skip_to(HEADER as u64)?;
        Ok(Found::Record(self.number, &self.line))
    }

    /// Reads until `bytes` is full or the file ends.
    fn read(&mut self, mut bytes: &mut [u8]) -> io::Result<usize> {
        let wanted = bytes.len();
        while !bytes.is_empty() {
            match self.input.read(bytes) {
                Ok(0) => break,
                Ok(got) => bytes = &mut bytes[got..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let got = wanted - bytes.len();
        self.at += got as u64;
        Ok(got)
    }

    /// Continues at the next multiple of `multiple`.
    fn skip_to(&mut self, multiple: u64) -> io::Result<()> {
        let next = self.at.next_multiple_of(multiple);
        self.input.seek_relative((next - self.at) as i64)?;
        self.at = next;
        Ok(())
    }
}

/// `"PATH" ends with a torn record at byte 4104, after record 7`
pub fn torn(path: &Path, reader: &Reader) -> String {
    format!(
        "{path:?} ends with a torn record at byte {}, after record {}",
        reader.end, reader.number
    )
}

pub fn foreign(path: &Path) -> String {
    format!("{path:?} is not a log: it does not begin like one")
}
