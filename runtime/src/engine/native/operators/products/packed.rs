//! A constant matrix on the right of a product, laid out once: its columns stand in tiles, each in the order in which a call
//! reads it. Sums run along the other axis in one order for each width of tile, and nothing but the matrix decides which
//! tiles there are: the bits are the same for one row and many, and on every processor.

use crate::engine::native::operators::number::Float;

/// A matrix [depth, width] in tiles of columns; the last is filled up with zeros.
#[derive(Debug)]
pub(crate) struct Packed<T> {
    depth: usize,
    width: usize,
    tiles: Vec<Tile<T>>,
}

#[derive(Debug)]
struct Tile<T> {
    /// The first of its columns.
    column: usize,
    /// How many of them there are; the next power of two is computed.
    count: usize,
    values: Vec<T>,
}

impl<T: Float> Packed<T> {
    /// Of a matrix whose value at `[row, column]` is given.
    pub(crate) fn of(depth: usize, width: usize, value: impl Fn(usize, usize) -> T) -> Self {
        // So many sums fill the registers of the plainest processors.
        let most = if size_of::<T>() == 4 { 32 } else { 16 };
        let mut tiles = Vec::new();
        let mut column = 0;
        while column < width {
            let count = (width - column).min(most);
            let wide = count.next_power_of_two();
            let place = |row: usize, at: usize| if at < count { value(row, column + at) } else { T::ZERO };
            let values = (0..depth).flat_map(|row| (0..wide).map(move |at| (row, at))).map(|(row, at)| place(row, at));
            tiles.push(Tile { column, count, values: values.collect() });
            column += count;
        }
        Self { depth, width, tiles }
    }

    /// `out[row, n] = sum over k of rows[row, k] * matrix[k, n]`; each row begins so many places behind the one before.
    /// To be called within `widest!`.
    #[inline(always)]
    pub(crate) fn times(&self, rows: &[T], step: usize, out: &mut [T]) {
        for tile in &self.tiles {
            for (row, out) in out.chunks_exact_mut(self.width).enumerate() {
                tile.times(&rows[row * step..row * step + self.depth], &mut out[tile.column..]);
            }
        }
    }
}

impl<T: Float> Tile<T> {
    #[inline(always)]
    fn times(&self, row: &[T], out: &mut [T]) {
        let out = &mut out[..self.count];
        match self.count.next_power_of_two() {
            32 => sums::<T, 32, 1>(row, &self.values, out),
            16 => sums::<T, 16, 1>(row, &self.values, out),
            8 => sums::<T, 8, 2>(row, &self.values, out),
            4 => sums::<T, 4, 4>(row, &self.values, out),
            2 => sums::<T, 2, 8>(row, &self.values, out),
            _ => sums::<T, 1, 16>(row, &self.values, out),
        }
    }
}

/// The sums of N columns, each in C chains that take turns, so that no sum waits for the one before.
#[inline(always)]
fn sums<T: Float, const N: usize, const C: usize>(row: &[T], values: &[T], out: &mut [T]) {
    #[inline(always)]
    fn add<T: Float, const N: usize>(total: &mut [T; N], factor: T, column: &[T]) {
        if let Some(column) = column.first_chunk::<N>() {
            for (total, value) in total.iter_mut().zip(column) {
                *total = total.add(factor.mul(*value));
            }
        }
    }
    let mut totals = [[T::ZERO; N]; C];
    let whole = row.len() / C * C;
    let (row, rest) = row.split_at(whole);
    let (values, last) = values.split_at(whole * N);
    for (factors, columns) in row.chunks_exact(C).zip(values.chunks_exact(N * C)) {
        if let Some(factors) = factors.first_chunk::<C>() {
            for ((total, factor), column) in totals.iter_mut().zip(factors).zip(columns.chunks_exact(N)) {
                add(total, *factor, column);
            }
        }
    }
    for ((total, factor), column) in totals.iter_mut().zip(rest).zip(last.chunks_exact(N)) {
        add(total, *factor, column);
    }
    let mut chains = C;
    while chains > 1 {
        chains /= 2;
        let (first, second) = totals.split_at_mut(chains);
        for (total, more) in first.iter_mut().zip(&*second) {
            for (total, more) in total.iter_mut().zip(more) {
                *total = total.add(*more);
            }
        }
    }
    for (out, total) in out.iter_mut().zip(&totals[0]) {
        *out = *total;
    }
}
