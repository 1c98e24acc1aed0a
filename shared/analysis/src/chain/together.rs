//! Agents that take nothing from one another, at the same time.
//!
//! Each runs on a thread of its own, never on one of the data engine's: while such a thread waits for its part of one
//! agent it would take up parts of another, and two agents that wait for the same table would wait for each other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::{Counter, Stopped};
use crate::agent::Outcome;
use crate::answer::Answer;

/// Runs the agents, at most `budget` at a time, and gives their answers in the order of the agents.
///
/// # Errors
/// [`Stopped`] when the observer breaks off: no further agent is begun, those that run are waited for.
pub(super) fn run(
    agents: &[String],
    budget: usize,
    run: impl Fn(&String) -> Outcome + Sync,
    counter: &mut Counter<'_>,
) -> Result<Vec<Answer>, Stopped> {
    let workers = budget.min(agents.len());
    if workers <= 1 {
        return one_by_one(agents, run, counter);
    }
    let Some(first) = agents.first() else { return Ok(Vec::new()) };
    counter.before(first)?;
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let span = tracing::Span::current();
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..workers {
            let (send, span, run, next, stopped) = (send.clone(), &span, &run, &next, &stopped);
            scope.spawn(move || {
                let _entered = span.enter();
                while !stopped.load(Ordering::Relaxed) {
                    let position = next.fetch_add(1, Ordering::Relaxed);
                    let Some(agent_id) = agents.get(position) else { break };
                    // The receiver is gone only when nobody wants the answer any more.
                    let _ = send.send((position, run(agent_id)));
                }
            });
        }
        drop(send);
        let answers = in_order(agents, &receive, counter);
        stopped.store(answers.is_err(), Ordering::Relaxed);
        answers
    })
}

/// Collects the outcomes as they come, and counts and tells them in the order of the agents.
fn in_order(
    agents: &[String],
    outcomes: &mpsc::Receiver<(usize, Outcome)>,
    counter: &mut Counter<'_>,
) -> Result<Vec<Answer>, Stopped> {
    let mut waiting: Vec<Option<Outcome>> = agents.iter().map(|_| None).collect();
    let mut answers = Vec::with_capacity(agents.len());
    for (position, outcome) in outcomes {
        if let Some(place) = waiting.get_mut(position) {
            *place = Some(outcome);
        }
        while let Some(outcome) = waiting.get_mut(answers.len()).and_then(Option::take) {
            counter.after(&outcome);
            answers.push(outcome.answer);
            if let Some(agent_id) = agents.get(answers.len()) {
                counter.before(agent_id)?;
            }
        }
    }
    Ok(answers)
}

fn one_by_one(
    agents: &[String],
    run: impl Fn(&String) -> Outcome,
    counter: &mut Counter<'_>,
) -> Result<Vec<Answer>, Stopped> {
    let mut answers = Vec::with_capacity(agents.len());
    for agent_id in agents {
        counter.before(agent_id)?;
        let outcome = run(agent_id);
        counter.after(&outcome);
        answers.push(outcome.answer);
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;
    use std::sync::Barrier;

    use crate::chain::Observer;

    #[derive(Default)]
    struct Noting {
        seen: Vec<(String, usize)>,
        stop_before: Option<&'static str>,
    }

    impl Observer for Noting {
        fn before_agent(&mut self, agent_id: &str, done: usize, _total: usize) -> ControlFlow<()> {
            self.seen.push((agent_id.to_owned(), done));
            if self.stop_before == Some(agent_id) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }

    fn agents() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    fn outcome(agent_id: &str) -> Outcome {
        Outcome { answer: Answer::error(agent_id.to_owned()), counts: agent_id != "b" }
    }

    fn texts(answers: Vec<Answer>) -> Vec<String> {
        answers.into_iter().filter_map(|answer| answer.error).collect()
    }

    fn told() -> Vec<(String, usize)> {
        // The second does not count.
        [("a", 0), ("b", 1), ("c", 1)].map(|(id, done)| (id.to_owned(), done)).to_vec()
    }

    /// Hangs for ever unless all three run at the same time.
    #[test]
    fn agents_meet_and_answer_in_order() {
        let (mut noting, barrier) = (Noting::default(), Barrier::new(3));
        let mut counter = Counter { observer: &mut noting, done: 0, total: 3 };
        let meet = |agent_id: &String| {
            barrier.wait();
            outcome(agent_id)
        };
        let answers = run(&agents(), 8, meet, &mut counter).unwrap();
        assert_eq!(texts(answers), ["a", "b", "c"]);
        assert_eq!(noting.seen, told());
    }

    #[test]
    fn the_budget_holds_and_the_order_is_the_same() {
        for budget in [1, 2] {
            let mut noting = Noting::default();
            let mut counter = Counter { observer: &mut noting, done: 0, total: 3 };
            let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let count = |agent_id: &String| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                running.fetch_sub(1, Ordering::SeqCst);
                outcome(agent_id)
            };
            let answers = run(&agents(), budget, count, &mut counter).unwrap();
            assert_eq!(texts(answers), ["a", "b", "c"]);
            assert!(most.into_inner() <= budget);
            assert_eq!(noting.seen, told());
        }
    }

    #[test]
    fn an_observer_that_breaks_off_stops_agents_that_have_not_begun() {
        for budget in [1, 2, 3] {
            let mut noting = Noting { stop_before: Some("a"), ..Noting::default() };
            let mut counter = Counter { observer: &mut noting, done: 0, total: 3 };
            let ran = AtomicUsize::new(0);
            let stopped = run(
                &agents(),
                budget,
                |id| {
                    ran.fetch_add(1, Ordering::SeqCst);
                    outcome(id)
                },
                &mut counter,
            );
            assert_eq!(stopped.unwrap_err(), Stopped { agent_id: "a".to_owned(), done: 0, total: 3 });
            assert_eq!(ran.into_inner(), 0);
        }
        let mut noting = Noting { stop_before: Some("b"), ..Noting::default() };
        let mut counter = Counter { observer: &mut noting, done: 0, total: 3 };
        let stopped = run(&agents(), 2, |id| outcome(id), &mut counter).unwrap_err();
        assert_eq!(stopped, Stopped { agent_id: "b".to_owned(), done: 1, total: 3 });
    }

    #[test]
    fn nothing_to_run() {
        let mut counter = Counter { observer: &mut (), done: 0, total: 0 };
        assert!(run(&[], 4, |id| outcome(id), &mut counter).unwrap().is_empty());
    }
}
