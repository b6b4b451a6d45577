//! Which of many tasks comes next: those on the longest way to the end first. Pure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Tasks, named by their numbers, and what each waits for.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// How many tasks each still waits for.
    waits: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    /// The weight of a task and of the heaviest chain of those that wait for it.
    ranks: Vec<u64>,
    ready: BinaryHeap<(u64, Reverse<usize>)>,
    /// Tasks that are neither done nor given up.
    left: usize,
    given_up: Vec<bool>,
}

impl Schedule {
    /// `needs[task]` are the tasks that must be done before, none of which waits for it in turn; `weights[task]` tells
    /// how long it may take.
    pub(crate) fn new(needs: &[Vec<usize>], weights: &[u64]) -> Self {
        let mut dependents = vec![Vec::new(); needs.len()];
        for (task, needs) in needs.iter().enumerate() {
            for needed in needs {
                dependents[*needed].push(task);
            }
        }
        let mut schedule = Self {
            waits: needs.iter().map(Vec::len).collect(),
            ranks: ranks(needs, &dependents, weights),
            dependents,
            ready: BinaryHeap::new(),
            left: needs.len(),
            given_up: vec![false; needs.len()],
        };
        for task in 0..needs.len() {
            schedule.make_ready(task);
        }
        schedule
    }

    /// The most urgent task that waits for nothing; it is not told again.
    pub(crate) fn next(&mut self) -> Option<usize> {
        loop {
            let (_, Reverse(task)) = self.ready.pop()?;
            // It may have been given up after it became ready.
            if !self.given_up[task] {
                return Some(task);
            }
        }
    }

    /// Tells a task again that could not be begun.
    pub(crate) fn put_back(&mut self, task: usize) {
        self.ready.push((self.ranks[task], Reverse(task)));
    }

    /// A task was done before the others began; it is not told.
    pub(crate) fn done_before(&mut self, task: usize) {
        self.given_up[task] = true;
        self.done(task);
    }

    /// A task is done.
    pub(crate) fn done(&mut self, task: usize) {
        self.left -= 1;
        for dependent in self.dependents[task].clone() {
            self.waits[dependent] -= 1;
            self.make_ready(dependent);
        }
    }

    /// A task failed: it and all that wait for it, directly or not, are given up. Returns the latter.
    pub(crate) fn failed(&mut self, task: usize) -> Vec<usize> {
        let mut lost = Vec::new();
        let mut pending = vec![task];
        while let Some(task) = pending.pop() {
            if !std::mem::replace(&mut self.given_up[task], true) {
                self.left -= 1;
                lost.push(task);
                pending.extend(&self.dependents[task]);
            }
        }
        lost.retain(|other| *other != task);
        lost.sort_unstable();
        lost
    }

    /// Whether every task is done or given up.
    pub(crate) fn is_over(&self) -> bool {
        self.left == 0
    }

    fn make_ready(&mut self, task: usize) {
        if self.waits[task] == 0 && !self.given_up[task] {
            self.put_back(task);
        }
    }
}

/// Computed from the end: every task after those that wait for it.
fn ranks(needs: &[Vec<usize>], dependents: &[Vec<usize>], weights: &[u64]) -> Vec<u64> {
    let mut ranks = weights.to_vec();
    let mut waits: Vec<usize> = dependents.iter().map(Vec::len).collect();
    let mut pending: Vec<usize> = (0..needs.len()).filter(|task| waits[*task] == 0).collect();
    while let Some(task) = pending.pop() {
        for needed in &needs[task] {
            ranks[*needed] = ranks[*needed].max(weights[*needed] + ranks[task]);
            waits[*needed] -= 1;
            if waits[*needed] == 0 {
                pending.push(*needed);
            }
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_way_comes_first() {
        // 0 is short but 3 and 4 wait for it; 1 and 2 stand alone.
        let needs = [vec![], vec![], vec![], vec![0], vec![3]];
        let mut schedule = Schedule::new(&needs, &[1, 5, 9, 4, 6]);
        assert_eq!([schedule.next(), schedule.next()], [Some(0), Some(2)]);
        schedule.done(0);
        assert_eq!([schedule.next(), schedule.next(), schedule.next()], [Some(3), Some(1), None]);
        for task in [2, 3, 1] {
            schedule.done(task);
        }
        assert_eq!(schedule.next(), Some(4));
        assert!(!schedule.is_over());
        schedule.done(4);
        assert!(schedule.is_over());
    }

    #[test]
    fn what_waits_for_a_failure_is_given_up_and_the_rest_goes_on() {
        let needs = [vec![], vec![0], vec![1], vec![], vec![3, 0]];
        let mut schedule = Schedule::new(&needs, &[1; 5]);
        assert_eq!(schedule.next(), Some(0));
        assert_eq!(schedule.failed(0), [1, 2, 4]);
        assert_eq!(schedule.next(), Some(3));
        schedule.done(3);
        assert_eq!(schedule.next(), None);
        assert!(schedule.is_over());
    }

    #[test]
    fn a_ready_task_can_be_given_up() {
        let mut schedule = Schedule::new(&[vec![], vec![], vec![1]], &[1; 3]);
        assert_eq!(schedule.failed(1), [2]);
        assert_eq!(schedule.failed(1), [] as [usize; 0]);
        assert_eq!([schedule.next(), schedule.next()], [Some(0), None]);
        schedule.done(0);
        assert!(schedule.is_over());
    }

    #[test]
    fn a_task_that_could_not_be_begun_is_told_again() {
        let mut schedule = Schedule::new(&[vec![], vec![]], &[2, 1]);
        let first = schedule.next().unwrap();
        schedule.put_back(first);
        assert_eq!(schedule.next(), Some(first));
    }
}
