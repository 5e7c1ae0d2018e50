//! Where random choices come from: a seed, or the bytes of a fuzzer.

/// Choices, one after the other; a source of bytes gives zeros after its end.
pub(crate) enum Source<'a> {
    Seed(u64),
    #[cfg_attr(not(fuzzing), expect(dead_code, reason = "the fuzzer's"))]
    Bytes(&'a [u8]),
}

impl Source<'_> {
    fn next(&mut self) -> u64 {
        match self {
            Self::Seed(state) => {
                // SplitMix64.
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                mixed ^ (mixed >> 31)
            }
            Self::Bytes(rest) => {
                let (head, tail) = rest.split_at(rest.len().min(2));
                *rest = tail;
                head.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
            }
        }
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(count.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// A number between both, inclusive.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(usize::try_from(high - low + 1).unwrap_or(1))).unwrap_or(0)
    }

    /// Whether something of so many percent comes true.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// From 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        f64::from(u16::try_from(self.next() & 0xffff).unwrap_or(0)) / 65536.0
            + f64::from(u16::try_from(self.below(1 << 16)).unwrap_or(0)) / 4_294_967_296.0
    }
}
