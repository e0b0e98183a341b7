//! Latencies in buckets: to count one is an addition, and allocates no memory.

/// Buckets for each power of two: a bucket is less than 2 % wide.
const FINE: usize = 64;
const FINE_BITS: u32 = FINE.ilog2();

/// The number of requests by their latency in nanoseconds.
pub struct Histogram {
    /// The first `FINE` buckets are one nanosecond wide, and the next `FINE`; after that the width
    /// doubles every `FINE` buckets.
    buckets: Box<[u64]>,
    count: u64,
    max: u64,
}

impl Histogram {
    pub fn new() -> Histogram {
        Histogram { buckets: vec![0; bucket(u64::MAX) + 1].into(), count: 0, max: 0 }
    }

    #[inline]
    pub fn add(&mut self, nanos: u64) {
        self.buckets[bucket(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The latency that `part` of the requests did not exceed. The maximum is exact.
    pub fn quantile(&self, part: f64) -> u64 {
        let wanted = (self.count as f64 * part).ceil() as u64;
        let mut seen = 0;
        let reached = |&(_, count): &(usize, &u64)| {
            seen += count;
            seen >= wanted
        };
        self.buckets.iter().enumerate().find(reached).map_or(0, |(at, _)| upper(at).min(self.max))
    }

    /// A bar for each power of two from the lowest to the highest latency.
    pub fn draw(&self, fancy: bool) -> String {
        let rows: Vec<(u64, u64)> = self
            .buckets
            .chunks(FINE)
            .enumerate()
            .map(|(at, row)| (upper(at * FINE + FINE - 1).saturating_add(1), row.iter().sum()))
            .collect();
        let (first, last) =
            (rows.iter().position(|row| row.1 > 0), rows.iter().rposition(|row| row.1 > 0));
        let (Some(first), Some(last)) = (first, last) else { return String::new() };
        let most = rows.iter().map(|row| row.1).max().unwrap_or(1);
        let mut text = String::new();
        for (limit, count) in &rows[first..=last] {
            let (bar, percent) = (
                bar(*count as f64 / most as f64, fancy),
                100.0 * *count as f64 / self.count as f64,
            );
            let line = format!("  < {:>9} {percent:6.2} % {bar}", human(*limit));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[inline]
fn bucket(nanos: u64) -> usize {
    // The bits above `FINE_BITS` are the power of two, those below the bucket in it.
    let shift = (nanos | FINE as u64).ilog2() - FINE_BITS;
    (shift as usize * FINE) + (nanos >> shift) as usize
}

/// The highest latency of a bucket.
fn upper(bucket: usize) -> u64 {
    if bucket < 2 * FINE {
        return bucket as u64;
    }
    let shift = bucket / FINE - 1;
    (((bucket % FINE + FINE) as u64) << shift) + ((1 << shift) - 1)
}

const WIDTH: usize = 40;

fn bar(part: f64, fancy: bool) -> String {
    let eighths = (part * WIDTH as f64 * 8.0).ceil() as usize;
    if !fancy || eighths == 0 {
        return "#".repeat(eighths.div_ceil(8));
    }
    let end = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("\x1b[36m{}{end}\x1b[0m", "█".repeat(eighths / 8))
}

/// `12.3 µs`
pub fn human(nanos: u64) -> String {
    let (mut value, mut unit) = (nanos as f64, 0);
    const UNITS: [&str; 4] = ["ns", "µs", "ms", "s"];
    while value >= 999.95 && unit < 3 {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    let digits = usize::from(unit > 0);
    format!("{value:.digits$} {}", UNITS[unit])
}
