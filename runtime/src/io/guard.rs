//! Stops a row that never ends before it fills the memory, and knows the lines that rows end on.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;

use crate::io::lines::Lines;

/// Handles to what a guarded reader counts.
pub(crate) struct Guard {
    longest: usize,
    left: Rc<Cell<usize>>,
    lines: Rc<RefCell<Lines>>,
}

impl Guard {
    /// Rows may be of so many bytes.
    pub(crate) fn new(longest: usize) -> Self {
        Self { longest, left: Rc::new(Cell::new(longest)), lines: Rc::default() }
    }

    /// The reader, guarded.
    pub(crate) fn around<R: Read>(&self, input: R) -> Guarded<R> {
        Guarded { input, longest: self.longest, left: Rc::clone(&self.left), lines: Rc::clone(&self.lines) }
    }

    /// Another row begins.
    pub(crate) fn next_row(&self) {
        self.left.set(self.longest);
    }

    /// The line of a record after which a csv reader stands at byte `position`; see [`Lines::of_record`].
    pub(crate) fn line(&self, position: u64) -> u64 {
        self.lines.borrow_mut().of_record(position)
    }
}

pub(crate) struct Guarded<R> {
    input: R,
    longest: usize,
    left: Rc<Cell<usize>>,
    lines: Rc<RefCell<Lines>>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.lines.borrow_mut().read(buffer.get(..read).unwrap_or_default());
        let left = self.left.get().checked_sub(read);
        self.left.set(left.ok_or_else(|| io::Error::other(format!("a row is longer than {} bytes", self.longest)))?);
        Ok(read)
    }
}
