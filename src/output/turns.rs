//! Several targets speak at once and are heard one after another: whoever's turn it is directly, the others later.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Output, Stream, Streams};

/// The turns of some targets, in their order.
pub struct Turns<'o> {
    out: &'o Output,
    table: Arc<Table>,
}

/// One target's voice.
pub(super) struct Turn {
    pub index: usize,
    table: Arc<Table>,
}

struct Table {
    streams: Arc<Streams>,
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    /// Whose turn it is.
    front: usize,
    /// What the others have said meanwhile.
    kept: Vec<Vec<(Stream, Vec<u8>)>>,
    ended: Vec<bool>,
}

impl<'o> Turns<'o> {
    pub fn of(out: &'o Output, count: usize) -> Self {
        if let Some(mut board) = out.streams.board() {
            board.start(count);
        }
        let state = State { front: 0, kept: (0..count).map(|_| Vec::new()).collect(), ended: vec![false; count] };
        let table = Table { streams: Arc::clone(&out.streams), state: Mutex::new(state), moved: Condvar::new() };
        Self { out, table: Arc::new(table) }
    }

    /// The terminal as this target has it.
    pub fn voice(&self, index: usize) -> Output {
        Output {
            format: self.out.format,
            quiet: self.out.quiet,
            verbose: self.out.verbose,
            color: self.out.color,
            asks: self.out.asks,
            streams: Arc::clone(&self.out.streams),
            turn: Some(Turn { index, table: Arc::clone(&self.table) }),
        }
    }

    /// This target is at work from now on.
    pub fn begin(&self, index: usize, name: &str) {
        if let Some(mut board) = self.table.streams.board() {
            board.begin(index, name);
        }
    }

    /// This target has said everything; what those after it have said is told up to the first that is still at it.
    pub fn end(&self, index: usize) {
        let mut state = self.table.locked();
        if let Some(mut board) = self.table.streams.board() {
            board.end(index);
        }
        state.ended[index] = true;
        while state.ended.get(state.front) == Some(&true) {
            state.front += 1;
            let front = state.front;
            let kept = state.kept.get_mut(front).map(std::mem::take).unwrap_or_default();
            kept.iter().for_each(|(stream, bytes)| self.table.streams.put(*stream, bytes));
        }
        self.table.moved.notify_all();
    }
}

impl Turn {
    pub fn put(&self, stream: Stream, bytes: &[u8]) {
        let mut state = self.table.locked();
        if state.front == self.index {
            self.table.streams.put(stream, bytes);
        } else {
            state.kept[self.index].push((stream, bytes.to_vec()));
        }
    }

    /// Until everybody before has ended: a question is asked of a person who has heard the rest.
    pub fn wait(&self) {
        let mut state = self.table.locked();
        while state.front != self.index {
            state = self.table.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Table {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
