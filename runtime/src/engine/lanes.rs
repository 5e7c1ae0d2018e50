//! Lanes of onnxruntime sessions: as many calls run at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::artifact::read::Artifact;
use crate::engine::flat::Layout;
use crate::engine::lane::Lane;
use crate::engine::library::Library;

/// How long a caller with a deadline sleeps between two looks for a free lane.
const POLL: Duration = Duration::from_micros(20);

pub(crate) struct Lanes {
    lanes: Vec<Mutex<Lane>>,
    next: AtomicUsize,
}

impl Lanes {
    pub(crate) fn open(
        library: &Library,
        artifact: &Artifact,
        layout: Option<&Layout>,
        count: usize,
    ) -> Result<Self, String> {
        let lanes = (0..count.max(1))
            .map(|_| Lane::open(library, &artifact.manifest, layout, &artifact.graph).map(Mutex::new))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { lanes, next: AtomicUsize::new(0) })
    }

    /// A free lane, or the first to become free. A lane whose holder panicked is as good as before: each call writes
    /// all of its input.
    pub(crate) fn lane(&self) -> MutexGuard<'_, Lane> {
        self.free_lane().unwrap_or_else(|| {
            let index = self.next.load(Ordering::Relaxed) % self.lanes.len();
            self.lanes[index].lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// A lane, if one becomes free in time.
    pub(crate) fn lane_within(&self, within: Duration) -> Option<MutexGuard<'_, Lane>> {
        let start = Instant::now();
        loop {
            if let Some(lane) = self.free_lane() {
                return Some(lane);
            }
            if start.elapsed() >= within {
                return None;
            }
            std::thread::sleep(POLL.min(within));
        }
    }

    fn free_lane(&self) -> Option<MutexGuard<'_, Lane>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.lanes.len();
        (0..count).find_map(|offset| match self.lanes[start.wrapping_add(offset) % count].try_lock() {
            Ok(lane) => Some(lane),
            Err(TryLockError::Poisoned(lane)) => Some(lane.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })
    }
}
