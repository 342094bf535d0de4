//! Random choices, all from one seed, and how many of them: both are set by variables.

/// The default of `SHED_FAULTS_SEED`.
const SEED: u64 = 20_261_121;

pub struct Random(u64);

impl Random {
    /// For one test; what it draws depends on the seed and this name alone.
    pub fn of(test: &str) -> Self {
        let hash = test
            .bytes()
            .fold(seed() ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(hash.max(1))
    }

    /// The next number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or_default() % limit.max(1)
    }

    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    pub fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    /// A few of these, in their order; all of them where there are not more.
    pub fn some_of<T: Clone>(&mut self, list: &[T], count: usize) -> Vec<T> {
        let mut chosen = Vec::new();
        for (at, item) in list.iter().enumerate() {
            let (wanted, left) = (count - chosen.len().min(count), list.len() - at);
            if self.below(left) < wanted {
                chosen.push(item.clone());
            }
        }
        chosen
    }
}

/// From which everything random follows, but for the moments at which the kernel lets programs run.
pub fn seed() -> u64 {
    wanted("SHED_FAULTS_SEED").map_or(SEED, |seed| seed.parse().expect("SHED_FAULTS_SEED is a number"))
}

/// Random kills of each kind and engine: `SHED_FAULTS`, else these few.
pub fn rounds(few: usize) -> usize {
    wanted("SHED_FAULTS").map_or(few, |count| count.parse().expect("SHED_FAULTS is a number"))
}

/// Pairs of a failpoint and one of the recovery, for each command: `SHED_FAULTS_POINTS`, a number or `all`, else these few.
pub fn pairs(few: usize) -> usize {
    match wanted("SHED_FAULTS_POINTS").as_deref() {
        None => few,
        Some("all") => usize::MAX,
        Some(count) => count.parse().expect("SHED_FAULTS_POINTS is a number or `all`"),
    }
}

fn wanted(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
