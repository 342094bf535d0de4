//! Many targets at once: their order, how many run together, and which of them are this machine's share.

mod shard;

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

pub use shard::Shard;

/// How several targets are gone through.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// At most so many at a time.
    pub jobs: usize,
    /// Whether others begin after one has failed.
    pub keeps_going: bool,
}

/// How one of them ended, for those that come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Good,
    Failed,
    /// Nothing else begins.
    Interrupted,
}

/// What is done, what runs, and what may begin.
struct State<'k> {
    waiting: Vec<usize>,
    running: HashSet<&'k str>,
    stopped: bool,
}

/// Does the work for every key, those with the same one (a database) in their order; `None` where none has one.
/// Gives what became of each; nothing of those that did not begin.
pub fn carry_out<R: Send>(
    keys: &[Option<String>],
    order: Order,
    work: impl Fn(usize) -> (R, Ending) + Sync,
    passed_over: impl Fn(usize) + Sync,
) -> Vec<Option<R>> {
    let results: Vec<Mutex<Option<R>>> = keys.iter().map(|_| Mutex::new(None)).collect();
    let state = State { waiting: (0..keys.len()).collect(), running: HashSet::new(), stopped: false };
    let (state, changed) = (Mutex::new(state), Condvar::new());
    let one_after_another = || {
        while let Some(index) = next(&state, &changed, keys) {
            let (result, ending) = work(index);
            *locked(&results[index]) = Some(result);
            let mut state = locked(&state);
            if let Some(key) = &keys[index] {
                state.running.remove(key.as_str());
            }
            state.stopped |= ending == Ending::Interrupted || (ending == Ending::Failed && !order.keeps_going);
            changed.notify_all();
        }
    };
    thread::scope(|scope| {
        for _ in 1..order.jobs.min(keys.len()) {
            scope.spawn(one_after_another);
        }
        one_after_another();
    });
    locked(&state).waiting.iter().for_each(|&index| passed_over(index));
    results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// The first whose key nobody is at work on; waits where there are only such that somebody is.
fn next<'k>(state: &Mutex<State<'k>>, changed: &Condvar, keys: &'k [Option<String>]) -> Option<usize> {
    let mut state = locked(state);
    loop {
        if state.stopped || state.waiting.is_empty() {
            return None;
        }
        let is_free = |index: &usize| keys[*index].as_ref().is_none_or(|key| !state.running.contains(key.as_str()));
        if let Some(at) = state.waiting.iter().position(is_free) {
            let index = state.waiting.remove(at);
            state.running.extend(keys[index].as_deref());
            return Some(index);
        }
        state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(words: &str) -> Vec<Option<String>> {
        words.split(' ').map(|word| (word != "-").then(|| word.to_owned())).collect()
    }

    fn run(words: &str, order: Order, work: impl Fn(usize) -> Ending + Sync) -> (Vec<Option<usize>>, Vec<usize>) {
        let passed = Mutex::new(Vec::new());
        let results = carry_out(&keys(words), order, |index| (index, work(index)), |index| locked(&passed).push(index));
        (results, passed.into_inner().unwrap())
    }

    #[test]
    fn those_on_one_database_run_in_their_order_and_never_together() {
        let order = Order { jobs: 4, keeps_going: true };
        let (at_work, seen) = (Mutex::new(HashSet::new()), Mutex::new(Vec::new()));
        let words = "a b a - b a a b";
        let names = keys(words);
        run(words, order, |index| {
            if let Some(name) = &names[index] {
                assert!(locked(&at_work).insert(name.clone()), "two at once on {name}");
                thread::yield_now();
                locked(&at_work).remove(name);
                locked(&seen).push((name.clone(), index));
            }
            Ending::Good
        });
        let of = |name: &str| -> Vec<usize> {
            locked(&seen).iter().filter(|(key, _)| key == name).map(|(_, index)| *index).collect()
        };
        assert_eq!((of("a"), of("b")), (vec![0, 2, 5, 6], vec![1, 4, 7]));
    }

    #[test]
    fn nothing_begins_after_a_failure_unless_it_is_to_go_on() {
        let fails = |index| if index == 1 { Ending::Failed } else { Ending::Good };
        let one = Order { jobs: 1, keeps_going: false };
        assert_eq!(run("- - - -", one, fails), (vec![Some(0), Some(1), None, None], vec![2, 3]));
        let on = Order { keeps_going: true, ..one };
        assert_eq!(run("- - - -", on, fails), (vec![Some(0), Some(1), Some(2), Some(3)], vec![]));
        let ended = |index| if index == 1 { Ending::Interrupted } else { Ending::Good };
        assert_eq!(run("- - -", on, ended), (vec![Some(0), Some(1), None], vec![2]));
    }
}
