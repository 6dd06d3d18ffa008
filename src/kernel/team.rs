//! Threads that stay awake through one computation of many short steps.
//!
//! A sentence's way through an encoder is a hundred steps of some ten microseconds. To put a thread to sleep and wake it takes longer than
//! such a step, so a team's helpers wait for the next one without sleeping, from the first step to the last.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{ThreadId, available_parallelism, current, yield_now};

/// Fewer numbers than this, of which something is made row by row, are not worth another thread.
const ROWS: usize = 1 << 14;

/// Parts of a long step for each thread.
const RUNS: usize = 4;

/// A step is long where each thread's share is worth so many threads.
const LONG: usize = 64;

/// The thread that [`gather`]ed helpers, and what it needs to give them work. It stays on that thread.
pub struct Team<'a> {
    /// None where there are no helpers.
    board: Option<&'a Board>,
    threads: usize,
    stays: PhantomData<*const ()>,
}

/// Where the work of a step is given out.
struct Board {
    /// Steps so far in the upper 32 bits; in the lower 32, parts of the present one that nobody has taken.
    open: AtomicU64,
    /// Parts that are not finished.
    unfinished: AtomicUsize,
    step: UnsafeCell<Option<Step>>,
    over: AtomicBool,
    /// Who gives the work out, and must not wait for it.
    caller: ThreadId,
}

/// What is to be done, and how many parts it has.
#[derive(Clone, Copy)]
struct Step(*const (dyn Fn(usize) + Sync), usize);

// SAFETY: `step` is written while no part is open or unfinished, and read by who has taken a part.
unsafe impl Sync for Board {}

/// Runs `work` with helpers from rayon's pool, at most as many as make `threads` with the caller, or as there are processors. They join as soon
/// as they are free, or never; the work is done in any case. What else is in the pool may have to wait for the end of it, so it is to be short, and better
/// not to wait for the pool.
pub fn gather<T: Send>(threads: usize, work: impl FnOnce(&Team<'_>) -> T + Send) -> T {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    let processors = *PROCESSORS.get_or_init(|| available_parallelism().map_or(1, NonZero::get));
    let threads = threads.min(processors).min(rayon::current_num_threads());
    with_helpers(threads.saturating_sub(1), work)
}

fn with_helpers<T: Send>(helpers: usize, work: impl FnOnce(&Team<'_>) -> T + Send) -> T {
    if helpers == 0 {
        return work(&Team::alone());
    }
    let board = Board::new();
    rayon::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|_| board.help());
        }
        let _over = Over(&board);
        work(&Team { board: Some(&board), threads: helpers + 1, stays: PhantomData })
    })
}

/// Sends the helpers home, even if the work panics.
struct Over<'a>(&'a Board);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

impl Team<'_> {
    /// Without helpers.
    #[must_use]
    pub fn alone() -> Self {
        Self { board: None, threads: 1, stays: PhantomData }
    }

    /// How many parts suit a step of `items` that takes `cost` in all, none cheaper than `least`: one for each thread, as what lies side by side is
    /// best fetched by one; several where each still takes a while, as processors are not equally fast.
    #[must_use]
    pub fn parts(&self, items: usize, cost: usize, least: usize) -> usize {
        let worth = cost / least;
        let threads = self.threads.min(worth);
        let runs = if threads > 1 && worth / threads >= LONG { RUNS } else { 1 };
        (threads * runs).min(items).max(1)
    }

    /// Does `part(0)` … `part(parts − 1)`, each once, on any thread of the team.
    pub fn each(&self, parts: usize, part: impl Fn(usize) + Sync) {
        match self.board {
            Some(board) if parts > 1 => board.each(parts, &part),
            _ => (0..parts).for_each(part),
        }
    }
}

impl Team<'_> {
    /// Gives `work` all rows of `width` numbers, in runs that the team shares, each with the number of its first row.
    pub fn rows(&self, matrix: &mut [f32], width: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
        let rows = matrix.len() / width.max(1);
        let parts = self.parts(rows, matrix.len(), ROWS);
        if parts == 1 {
            return work(0, matrix);
        }
        let each = rows.div_ceil(parts);
        let runs: Vec<_> = matrix.chunks_mut(each * width).map(Mutex::new).collect();
        self.each(runs.len(), |i| work(i * each, &mut runs[i].lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

impl Board {
    const OPEN: u64 = u32::MAX as u64;

    fn new() -> Self {
        Self {
            open: AtomicU64::new(0),
            unfinished: AtomicUsize::new(0),
            step: UnsafeCell::new(None),
            over: AtomicBool::new(false),
            caller: current().id(),
        }
    }

    fn each(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        let count = u32::try_from(parts).expect("fewer parts than 2^32");
        // SAFETY: only the lifetime is dropped; `all` outlives every use, as it waits for all that have taken a part.
        let part: *const (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(part) };
        // SAFETY: the step before is over, see `All`.
        unsafe { *self.step.get() = Some(Step(part, parts)) };
        self.unfinished.store(parts, Ordering::Relaxed);
        let steps = self.open.load(Ordering::Relaxed) >> 32;
        self.open.store(steps.wrapping_add(1) << 32 | u64::from(count), Ordering::Release);
        let _all = All(self);
        while self.one_part() {}
    }

    /// Waits for parts and does them until the work is over.
    fn help(&self) {
        // Work that turns to the pool itself may be given this: it would wait for its own end.
        if current().id() == self.caller {
            return;
        }
        let mut idle = 0;
        while !self.over.load(Ordering::Acquire) {
            if self.one_part() { idle = 0 } else { wait(&mut idle) }
        }
    }

    /// Takes a part of the present step and does it; false if there is none.
    fn one_part(&self) -> bool {
        let take = |open: u64| (open & Self::OPEN != 0).then(|| open - 1);
        let Ok(open) = self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, take) else { return false };
        let _finished = Finished(&self.unfinished);
        // SAFETY: a part of this step is taken and not finished, so the step is neither replaced nor gone.
        let Step(part, parts) = unsafe { *self.step.get() }.expect("set before parts were open");
        // SAFETY: and so the caller still waits, and what it gave lives.
        let part = unsafe { &*part };
        part(parts - (open & Self::OPEN) as usize);
        true
    }
}

/// Says that a part is finished, even if it panicked.
struct Finished<'a>(&'a AtomicUsize);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Waits until no part is open or unfinished: after a panic, the parts that nobody has taken are not done.
struct All<'a>(&'a Board);

impl Drop for All<'_> {
    fn drop(&mut self) {
        let open = self.0.open.fetch_and(!Board::OPEN, Ordering::AcqRel) & Board::OPEN;
        self.0.unfinished.fetch_sub(open as usize, Ordering::Relaxed);
        let mut idle = 0;
        while self.0.unfinished.load(Ordering::Acquire) > 0 {
            wait(&mut idle);
        }
    }
}

/// A moment, awake; now and then others may have the processor.
fn wait(idle: &mut u32) {
    *idle = idle.wrapping_add(1);
    if idle.is_multiple_of(256) { yield_now() } else { std::hint::spin_loop() }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn every_part_of_every_step_is_done_once() {
        for (threads, helpers) in [(1, 0), (1, 2), (2, 1), (3, 2)] {
            let done: Vec<AtomicUsize> = (0..7).map(|_| AtomicUsize::new(0)).collect();
            let steps = pool(threads).install(|| {
                with_helpers(helpers, |team| {
                    for parts in [0, 1, 2, 7].repeat(if cfg!(miri) { 3 } else { 300 }) {
                        let before: Vec<usize> = done.iter().map(|n| n.load(Ordering::Relaxed)).collect();
                        team.each(parts, |part| _ = done[part].fetch_add(1, Ordering::Relaxed));
                        for (part, n) in done.iter().enumerate() {
                            assert_eq!(n.load(Ordering::Relaxed), before[part] + usize::from(part < parts));
                        }
                    }
                    3
                })
            });
            assert_eq!(steps, 3);
        }
    }

    #[test]
    fn long_steps_have_more_parts_than_threads() {
        pool(2).install(|| {
            with_helpers(1, |team| {
                let cost = 10;
                assert_eq!(team.parts(1000, 2 * LONG * cost, cost), 2 * RUNS);
                assert_eq!(team.parts(1000, 2 * LONG * cost - 1, cost), 2);
                assert_eq!(team.parts(3, 2 * LONG * cost, cost), 3);
                assert_eq!((team.parts(1000, cost, cost), team.parts(1000, 0, cost)), (1, 1));
            });
        });
        assert_eq!(Team::alone().parts(1000, 1_000_000, 1), 1);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_ends_the_work() {
        for bad in 0..4 {
            let finished = AtomicUsize::new(0);
            let work = || {
                with_helpers(1, |team| {
                    team.each(4, |part| {
                        assert_ne!(part, bad, "on purpose");
                        finished.fetch_add(1, Ordering::Relaxed);
                    });
                });
            };
            assert!(pool(2).install(|| catch_unwind(AssertUnwindSafe(work))).is_err());
            assert!(finished.into_inner() < 4);
        }
    }

    #[test]
    fn work_may_turn_to_the_pool() {
        for threads in 1..4 {
            let sum = pool(threads).install(|| {
                with_helpers(threads, |team| {
                    let sum = AtomicUsize::new(0);
                    for _ in 0..10 {
                        rayon::yield_now();
                        rayon::join(|| (), || ());
                        team.each(2, |_| _ = sum.fetch_add(1, Ordering::Relaxed));
                    }
                    sum.into_inner()
                })
            });
            assert_eq!(sum, 20);
        }
    }

    #[test]
    fn teams_that_share_a_pool_do_not_wait_for_each_other() {
        let pool = pool(3);
        let done = AtomicUsize::new(0);
        let work =
            || with_helpers(2, |team| (0..50).for_each(|_| team.each(3, |_| _ = done.fetch_add(1, Ordering::Relaxed))));
        pool.install(|| rayon::join(|| rayon::join(work, work), || rayon::join(work, work)));
        assert_eq!(done.into_inner(), 4 * 50 * 3);
    }
}
